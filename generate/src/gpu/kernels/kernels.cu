// What is between the matrix products of a layer, for a batch of rows of several texts. Shapes and conventions
// are those of kernels.rs, which says the same in plain loops.
//
// A row's result never depends on the rows computed beside it: sums go over a row's own numbers, in an order
// that follows from positions alone.

#include <cstdint>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace {

constexpr int PAGE_TOKENS = 32;
// Tokens that one block attends to; longer texts are cut at multiples of it.
constexpr int PART_TOKENS = 256;
// Queries of a block.
constexpr int TILE_QUERIES = 8;
constexpr int WARPS = 4;
constexpr int LANES = 32;
constexpr int MOST_HEAD_SIZE = 256;
constexpr int COLUMNS = MOST_HEAD_SIZE / LANES;
constexpr int QUERIES_PER_WARP = TILE_QUERIES / WARPS;
constexpr uint32_t NONE = 0xffffffffu;
constexpr unsigned ALL_LANES = 0xffffffffu;

__device__ inline float widen(float value) { return value; }
__device__ inline float widen(__nv_bfloat16 value) { return __bfloat162float(value); }
__device__ inline float widen(__half value) { return __half2float(value); }

template <typename T> __device__ inline T narrow(float value);
template <> __device__ inline float narrow<float>(float value) { return value; }
template <> __device__ inline __nv_bfloat16 narrow<__nv_bfloat16>(float value) { return __float2bfloat16(value); }
template <> __device__ inline __half narrow<__half>(float value) { return __float2half(value); }

// Two numbers of a page, the lower half first.
template <typename P> __device__ inline float2 pair(uint32_t word);
template <> __device__ inline float2 pair<__nv_bfloat16>(uint32_t word) {
    return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u));
}
template <> __device__ inline float2 pair<__half>(uint32_t word) {
    return make_float2(
        __half2float(__ushort_as_half(static_cast<unsigned short>(word & 0xffffu))),
        __half2float(__ushort_as_half(static_cast<unsigned short>(word >> 16)))
    );
}

__device__ inline float warp_sum(float value) {
    for (int offset = LANES / 2; offset > 0; offset /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, offset);
    }
    return value;
}

__device__ inline float warp_max(float value) {
    for (int offset = LANES / 2; offset > 0; offset /= 2) {
        value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, offset));
    }
    return value;
}

// Grid (rows, heads + key heads), a warp each: divides a head of a query or a key by its root mean square.
template <typename T>
__device__ void norm_heads(T* qkv, const float* weights, int heads, int key_heads, int size, float epsilon) {
    const int head = blockIdx.y;
    T* numbers = qkv + (static_cast<int64_t>(blockIdx.x) * (heads + 2 * key_heads) + head) * size;
    const float* weight = weights + (head < heads ? 0 : size);
    float sum = 0.0f;
    for (int index = threadIdx.x; index < size; index += LANES) {
        const float value = widen(numbers[index]);
        sum += value * value;
    }
    const float inverse = rsqrtf(warp_sum(sum) / size + epsilon);
    for (int index = threadIdx.x; index < size; index += LANES) {
        numbers[index] = narrow<T>(widen(numbers[index]) * inverse * weight[index]);
    }
}

// Grid (rows, heads + key heads), a warp each: turns pairs of numbers by the angles of the row's position.
template <typename T>
__device__ void rotate(
    T* qkv, const float* turns, const uint32_t* positions, int heads, int key_heads, int size, int interleaved
) {
    const int pairs = size / 2;
    T* numbers = qkv + (static_cast<int64_t>(blockIdx.x) * (heads + 2 * key_heads) + blockIdx.y) * size;
    const float* own = turns + static_cast<int64_t>(positions[blockIdx.x]) * pairs * 2;
    for (int pair = threadIdx.x; pair < pairs; pair += LANES) {
        T* first = numbers + (interleaved ? 2 * pair : pair);
        T* second = numbers + (interleaved ? 2 * pair + 1 : pair + pairs);
        const float a = widen(*first), b = widen(*second), cosine = own[2 * pair], sine = own[2 * pair + 1];
        *first = narrow<T>(a * cosine - b * sine);
        *second = narrow<T>(a * sine + b * cosine);
    }
}

// Grid (rows, 2 * key heads): a row's keys and values into their page. Rows without a slot are padding.
template <typename T, typename P>
__device__ void remember(P* pages, const T* qkv, const uint32_t* slots, int heads, int key_heads, int size) {
    const uint32_t slot = slots[blockIdx.x];
    if (slot == NONE) {
        return;
    }
    const T* from = qkv + (static_cast<int64_t>(blockIdx.x) * (heads + 2 * key_heads) + heads + blockIdx.y) * size;
    const int64_t page = slot / PAGE_TOKENS;
    P* to = pages + ((page * 2 * key_heads + blockIdx.y) * PAGE_TOKENS + slot % PAGE_TOKENS) * size;
    for (int index = threadIdx.x; index < size; index += blockDim.x) {
        to[index] = narrow<P>(widen(from[index]));
    }
}

// How far the softmax of a query has come: greatest score, and sum of the weights relative to it.
struct State {
    float greatest, sum;
};

// Factors by which what was joined so far and what a part adds are brought to the same scale. Parts are joined
// one by one, in order, with the same roundings wherever that is done.
__device__ inline float2 join(State& joined, State part) {
    const float greatest = fmaxf(joined.greatest, part.greatest);
    const float2 factors = make_float2(expf(joined.greatest - greatest), expf(part.greatest - greatest));
    joined.sum = __fmaf_rn(part.sum, factors.y, __fmul_rn(joined.sum, factors.x));
    joined.greatest = greatest;
    return factors;
}

__device__ inline float join(float joined, float part, float2 factors) {
    return __fmaf_rn(part, factors.y, __fmul_rn(joined, factors.x));
}

struct Attention {
    int rows, heads, key_heads, size, window_tokens;
    // Query heads of one key head that a block takes.
    int tile_heads;
};

// Grid (tiles * slices of a group, key heads, parts), WARPS warps. A tile is rows of one text that follow each
// other: `tiles` holds, for each, where its text's page numbers begin, its first row, its rows, and the position
// of the first. Where the grid has one part, a block goes through all of them and writes to `out`; else `sums`
// (parts, rows, heads, size) and `states` (parts, rows, heads) are joined by `join_parts`.
template <typename T, typename P>
__device__ void attend(
    T* out, float* sums, State* states, const T* qkv, const P* pages, const uint32_t* tiles,
    const uint32_t* page_numbers, Attention shape
) {
    extern __shared__ uint32_t shared_memory[];
    const int size = shape.size, group = shape.heads / shape.key_heads;
    const int slices = (group + shape.tile_heads - 1) / shape.tile_heads;
    const uint32_t* tile = tiles + 4 * (blockIdx.x / slices);
    const uint32_t* own_pages = page_numbers + tile[0];
    const int first_row = tile[1], rows = tile[2], position = tile[3];
    const int first_head = (blockIdx.x % slices) * shape.tile_heads;
    const int tile_heads = min(shape.tile_heads, group - first_head);
    const int key_head = blockIdx.y;
    const int warp = threadIdx.x / LANES, lane = threadIdx.x % LANES;

    // Words of two numbers; a key's words are one more, so that lanes reading a column meet no bank twice.
    const int words = size / 2, key_stride = words + 1;
    float* queries = reinterpret_cast<float*>(shared_memory);
    uint32_t* keys = shared_memory + TILE_QUERIES * size;
    uint32_t* values = keys + PAGE_TOKENS * key_stride;

    const int64_t width = static_cast<int64_t>(shape.heads + 2 * shape.key_heads) * size;
    const float scale = rsqrtf(static_cast<float>(size));
    const int queries_in_tile = rows * tile_heads;
    for (int index = threadIdx.x; index < queries_in_tile * size; index += blockDim.x) {
        const int query = index / size;
        const int64_t row = first_row + query / tile_heads;
        const int head = key_head * group + first_head + query % tile_heads;
        queries[index] = widen(qkv[row * width + head * size + index % size]) * scale;
    }

    const int tile_end = position + rows;
    const int tile_begin = shape.window_tokens > 0 ? max(0, position + 1 - shape.window_tokens) : 0;
    const bool whole = gridDim.z == 1;
    const int first_part = whole ? tile_begin / PART_TOKENS : blockIdx.z;
    const int end_part = whole ? (tile_end + PART_TOKENS - 1) / PART_TOKENS : blockIdx.z + 1;
    State joined[QUERIES_PER_WARP];
    float joined_sums[QUERIES_PER_WARP][COLUMNS];
#pragma unroll
    for (int own = 0; own < QUERIES_PER_WARP; own++) {
        joined[own] = {-INFINITY, 0.0f};
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            joined_sums[own][column] = 0.0f;
        }
    }
    for (int part = first_part; part < end_part; part++) {
        State state[QUERIES_PER_WARP];
        float attended[QUERIES_PER_WARP][COLUMNS];
#pragma unroll
        for (int own = 0; own < QUERIES_PER_WARP; own++) {
            state[own] = {-INFINITY, 0.0f};
#pragma unroll
            for (int column = 0; column < COLUMNS; column++) {
                attended[own][column] = 0.0f;
            }
        }
        // What any row of the tile sees of this part.
        const int end = min(tile_end, (part + 1) * PART_TOKENS);
        const int begin = max(tile_begin, part * PART_TOKENS);
        for (int page = begin / PAGE_TOKENS; page * PAGE_TOKENS < end; page++) {
            const int64_t page_words = static_cast<int64_t>(PAGE_TOKENS) * words;
            const uint32_t* stored = reinterpret_cast<const uint32_t*>(pages)
                + static_cast<int64_t>(own_pages[page]) * 2 * shape.key_heads * page_words;
            const uint32_t* stored_keys = stored + key_head * page_words;
            const uint32_t* stored_values = stored + (shape.key_heads + key_head) * page_words;
            __syncthreads();
            for (int index = threadIdx.x; index < PAGE_TOKENS * words; index += blockDim.x) {
                keys[index / words * key_stride + index % words] = stored_keys[index];
                values[index] = stored_values[index];
            }
            __syncthreads();
#pragma unroll
            for (int own = 0; own < QUERIES_PER_WARP; own++) {
                const int query = warp + own * WARPS;
                if (query >= queries_in_tile) {
                    break;
                }
                const int row_position = position + query / tile_heads;
                const int from = shape.window_tokens > 0 ? row_position + 1 - shape.window_tokens : 0;
                const int token = page * PAGE_TOKENS + lane;
                // The same for all lanes: the row sees nothing of this page.
                if (max(page * PAGE_TOKENS, from) > min(page * PAGE_TOKENS + PAGE_TOKENS - 1, row_position)) {
                    continue;
                }
                const bool seen = token >= from && token <= row_position;
                const uint32_t* key = keys + lane * key_stride;
                const float* own_query = queries + query * size;
                float score = 0.0f;
                for (int word = 0; word < words; word++) {
                    const float2 both = pair<P>(key[word]);
                    score += own_query[2 * word] * both.x + own_query[2 * word + 1] * both.y;
                }
                const float most = fmaxf(state[own].greatest, warp_max(seen ? score : -INFINITY));
                const float correction = expf(state[own].greatest - most);
                const float weight = seen ? expf(score - most) : 0.0f;
                state[own].sum = state[own].sum * correction + warp_sum(weight);
                state[own].greatest = most;
#pragma unroll
                for (int column = 0; column < COLUMNS; column++) {
                    attended[own][column] *= correction;
                }
                const P* value = reinterpret_cast<const P*>(values);
                for (int other = 0; other < PAGE_TOKENS; other++) {
                    const float other_weight = __shfl_sync(ALL_LANES, weight, other);
                    // Numbers of unseen tokens may be anything, not-a-number too.
                    if (other_weight == 0.0f) {
                        continue;
                    }
#pragma unroll
                    for (int column = 0; column < COLUMNS; column++) {
                        const int index = column * LANES + lane;
                        if (index < size) {
                            attended[own][column] += other_weight * widen(value[other * size + index]);
                        }
                    }
                }
            }
        }
#pragma unroll
        for (int own = 0; own < QUERIES_PER_WARP; own++) {
            const int query = warp + own * WARPS;
            if (query >= queries_in_tile) {
                break;
            }
            if (whole) {
                if (state[own].sum > 0.0f) {
                    const float2 factors = join(joined[own], state[own]);
#pragma unroll
                    for (int column = 0; column < COLUMNS; column++) {
                        joined_sums[own][column] = join(joined_sums[own][column], attended[own][column], factors);
                    }
                }
                continue;
            }
            const int64_t row = first_row + query / tile_heads;
            const int head = key_head * group + first_head + query % tile_heads;
            const int64_t place = (static_cast<int64_t>(part) * shape.rows + row) * shape.heads + head;
            if (lane == 0) {
                states[place] = state[own];
            }
#pragma unroll
            for (int column = 0; column < COLUMNS; column++) {
                const int index = column * LANES + lane;
                if (index < size) {
                    sums[place * size + index] = attended[own][column];
                }
            }
        }
    }
#pragma unroll
    for (int own = 0; own < QUERIES_PER_WARP; own++) {
        const int query = warp + own * WARPS;
        if (!whole || query >= queries_in_tile) {
            break;
        }
        const int64_t row = first_row + query / tile_heads;
        const int head = key_head * group + first_head + query % tile_heads;
        const float inverse = 1.0f / joined[own].sum;
#pragma unroll
        for (int column = 0; column < COLUMNS; column++) {
            const int index = column * LANES + lane;
            if (index < size) {
                out[(row * shape.heads + head) * size + index] = narrow<T>(__fmul_rn(joined_sums[own][column], inverse));
            }
        }
    }
}

// Grid (rows, heads): the parts of a text become one result. Rows without a slot are padding.
template <typename T>
__device__ void join_parts(
    T* out, const float* sums, const State* states, const uint32_t* slots, int parts, int rows, int heads, int size
) {
    if (slots[blockIdx.x] == NONE) {
        return;
    }
    const int64_t place = static_cast<int64_t>(blockIdx.x) * heads + blockIdx.y;
    const int64_t stride = static_cast<int64_t>(rows) * heads;
    for (int index = threadIdx.x; index < size; index += blockDim.x) {
        State joined = {-INFINITY, 0.0f};
        float sum = 0.0f;
        for (int part = 0; part < parts; part++) {
            const State state = states[part * stride + place];
            // Nothing was seen there.
            if (state.sum > 0.0f) {
                const float2 factors = join(joined, state);
                sum = join(sum, sums[(part * stride + place) * size + index], factors);
            }
        }
        const float inverse = 1.0f / joined.sum;
        out[place * size + index] = narrow<T>(__fmul_rn(sum, inverse));
    }
}

// `both` is (rows, 2 * width): gate, then up. One thread per number of `out` (rows, width).
template <typename T> __device__ void gate(T* out, const T* both, int width, int64_t count) {
    const int64_t index = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (index >= count) {
        return;
    }
    const T* row = both + index / width * 2 * width + index % width;
    const float value = widen(row[0]);
    out[index] = narrow<T>(value / (1.0f + expf(-value)) * widen(row[width]));
}

}  // namespace

#define KERNELS(NAME, T, P)                                                                                          \
    extern "C" __global__ void norm_heads_##NAME(                                                                    \
        T* qkv, const float* weights, int heads, int key_heads, int size, float epsilon                              \
    ) {                                                                                                              \
        norm_heads<T>(qkv, weights, heads, key_heads, size, epsilon);                                                \
    }                                                                                                                \
    extern "C" __global__ void rotate_##NAME(                                                                        \
        T* qkv, const float* turns, const uint32_t* positions, int heads, int key_heads, int size, int interleaved   \
    ) {                                                                                                              \
        rotate<T>(qkv, turns, positions, heads, key_heads, size, interleaved);                                       \
    }                                                                                                                \
    extern "C" __global__ void remember_##NAME(                                                                      \
        P* pages, const T* qkv, const uint32_t* slots, int heads, int key_heads, int size                            \
    ) {                                                                                                              \
        remember<T, P>(pages, qkv, slots, heads, key_heads, size);                                                   \
    }                                                                                                                \
    extern "C" __global__ void attend_##NAME(                                                                        \
        T* out, float* sums, State* states, const T* qkv, const P* pages, const uint32_t* tiles,                     \
        const uint32_t* page_numbers, int rows, int heads, int key_heads, int size, int window_tokens,               \
        int tile_heads                                                                                               \
    ) {                                                                                                              \
        const Attention shape = {rows, heads, key_heads, size, window_tokens, tile_heads};                           \
        attend<T, P>(out, sums, states, qkv, pages, tiles, page_numbers, shape);                                     \
    }                                                                                                                \
    extern "C" __global__ void join_parts_##NAME(                                                                    \
        T* out, const float* sums, const State* states, const uint32_t* slots, int parts, int rows, int heads,       \
        int size                                                                                                     \
    ) {                                                                                                              \
        join_parts<T>(out, sums, states, slots, parts, rows, heads, size);                                           \
    }                                                                                                                \
    extern "C" __global__ void gate_##NAME(T* out, const T* both, int width, int64_t count) {                        \
        gate<T>(out, both, width, count);                                                                            \
    }

// Quantised weights are multiplied in 32-bit floats; keys and values are then remembered in 16-bit ones.
KERNELS(f32, float, __half)
KERNELS(bf16, __nv_bfloat16, __nv_bfloat16)
