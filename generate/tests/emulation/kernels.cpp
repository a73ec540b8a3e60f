// The kernels as functions that tests/kernels.py calls.
#include "../../src/gpu/kernels/kernels.cu"

namespace {
constexpr unsigned SLICED_THREADS = WARPS * LANES;

template <typename T> T* of(void* pointer) { return static_cast<T*>(pointer); }
}  // namespace

#define DRIVERS(NAME, T, P)                                                                                          \
    extern "C" void run_qkv_##NAME(                                                                                  \
        void* qkv, float* norms, float* turns, uint32_t* positions, void* pages, uint32_t* slots, int rows,          \
        int heads, int key_heads, int size, float epsilon, int interleaved                                           \
    ) {                                                                                                              \
        const dim3 grid = {static_cast<unsigned>(rows), static_cast<unsigned>(heads + key_heads), 1};                \
        if (norms != nullptr) {                                                                                      \
            launch(grid, LANES, [=] { norm_heads_##NAME(of<T>(qkv), norms, heads, key_heads, size, epsilon); });     \
        }                                                                                                            \
        launch(grid, LANES, [=] {                                                                                    \
            rotate_##NAME(of<T>(qkv), turns, positions, heads, key_heads, size, interleaved);                        \
        });                                                                                                          \
        const dim3 written = {static_cast<unsigned>(rows), static_cast<unsigned>(2 * key_heads), 1};                 \
        launch(written, LANES, [=] { remember_##NAME(of<P>(pages), of<T>(qkv), slots, heads, key_heads, size); });   \
    }                                                                                                                \
    extern "C" void run_attend_##NAME(                                                                               \
        void* out, float* sums, float* states, void* qkv, void* pages, uint32_t* tiles, uint32_t* page_numbers,      \
        uint32_t* slots, int rows, int heads, int key_heads, int size, int window, int tile_heads, int tile_count,   \
        int parts                                                                                                    \
    ) {                                                                                                              \
        State* all = reinterpret_cast<State*>(states);                                                               \
        const int slices = (heads / key_heads + tile_heads - 1) / tile_heads;                                        \
        const dim3 grid = {                                                                                          \
            static_cast<unsigned>(tile_count * slices), static_cast<unsigned>(key_heads),                            \
            static_cast<unsigned>(parts)                                                                             \
        };                                                                                                           \
        launch(grid, SLICED_THREADS, [=] {                                                                           \
            attend_##NAME(                                                                                           \
                of<T>(out), sums, all, of<T>(qkv), of<P>(pages), tiles, page_numbers, rows, heads, key_heads, size,  \
                window, tile_heads                                                                                   \
            );                                                                                                       \
        });                                                                                                          \
        if (parts > 1) {                                                                                             \
            const dim3 joined = {static_cast<unsigned>(rows), static_cast<unsigned>(heads), 1};                      \
            launch(joined, LANES, [=] {                                                                              \
                join_parts_##NAME(of<T>(out), sums, all, slots, parts, rows, heads, size);                           \
            });                                                                                                      \
        }                                                                                                            \
    }                                                                                                                \
    extern "C" void run_gate_##NAME(void* out, void* both, int width, int64_t count) {                               \
        const unsigned threads = 256;                                                                                \
        const dim3 grid = {static_cast<unsigned>((count + threads - 1) / threads), 1, 1};                            \
        launch(grid, threads, [=] { gate_##NAME(of<T>(out), of<T>(both), width, count); });                          \
    }

DRIVERS(f32, float, __half)
DRIVERS(bf16, __nv_bfloat16, __nv_bfloat16)
