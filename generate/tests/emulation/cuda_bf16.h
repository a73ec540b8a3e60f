// Enough of CUDA to run kernels.cu as an ordinary program: a thread of a block is a thread, blocks run one after
// the other. Slow, and blind to races between blocks; what is computed is the same.
#pragma once
#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#define __global__
#define __device__
#define __shared__

using std::max;
using std::min;

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

struct float2 {
    float x, y;
};

inline float2 make_float2(float x, float y) { return {x, y}; }

inline thread_local dim3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
inline std::unique_ptr<std::barrier<>> block_barrier;
inline std::vector<std::unique_ptr<std::barrier<>>> warp_barriers;
inline std::vector<float> exchanged;

namespace {
uint32_t shared_memory[1 << 14];
}

inline void __syncthreads() { block_barrier->arrive_and_wait(); }

inline float exchange(float value, int from) {
    const int warp = threadIdx.x / 32;
    exchanged[threadIdx.x] = value;
    warp_barriers[warp]->arrive_and_wait();
    const float other = exchanged[warp * 32 + from];
    warp_barriers[warp]->arrive_and_wait();
    return other;
}

inline float __shfl_xor_sync(unsigned, float value, int mask) { return exchange(value, (threadIdx.x % 32) ^ mask); }
inline float __shfl_sync(unsigned, float value, int from) { return exchange(value, from); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float rsqrtf(float value) { return 1.0f / std::sqrt(value); }

template <typename To, typename From> To bits_of(From from) {
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

inline float __uint_as_float(uint32_t bits) { return bits_of<float>(bits); }

struct __nv_bfloat16 {
    uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 value) { return bits_of<float>(static_cast<uint32_t>(value.bits) << 16); }

inline __nv_bfloat16 __float2bfloat16(float value) {
    const uint32_t bits = bits_of<uint32_t>(value);
    return {static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

// Runs `kernel` in every thread of the grid.
inline void launch(dim3 grid, unsigned threads, const std::function<void()>& kernel) {
    gridDim = grid;
    blockDim = {threads, 1, 1};
    block_barrier = std::make_unique<std::barrier<>>(threads);
    warp_barriers.clear();
    for (unsigned warp = 0; warp * 32 < threads; warp++) {
        warp_barriers.push_back(std::make_unique<std::barrier<>>(std::min(32u, threads - warp * 32)));
    }
    exchanged.assign(threads, 0.0f);
    for (unsigned block = 0; block < grid.x * grid.y * grid.z; block++) {
        std::vector<std::thread> all;
        for (unsigned thread = 0; thread < threads; thread++) {
            all.emplace_back([&, thread] {
                threadIdx = {thread, 0, 0};
                blockIdx = {block % grid.x, block / grid.x % grid.y, block / grid.x / grid.y};
                kernel();
            });
        }
        for (auto& one : all) {
            one.join();
        }
    }
}
