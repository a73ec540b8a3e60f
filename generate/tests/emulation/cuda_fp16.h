#pragma once
#include "cuda_bf16.h"

struct __half {
    _Float16 value;
};

inline float __half2float(__half value) { return static_cast<float>(value.value); }
inline __half __float2half(float value) { return {static_cast<_Float16>(value)}; }
inline __half __ushort_as_half(unsigned short bits) { return bits_of<__half>(bits); }
