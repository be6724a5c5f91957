// LW_HOST_DEVICE marks functions that run on the CPU and in CUDA kernels alike.
#pragma once

#if defined(__CUDACC__)
#define LW_HOST_DEVICE __host__ __device__
#else
#define LW_HOST_DEVICE
#endif
