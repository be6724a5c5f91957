# CUDA: option, language, libraries, and where the .cu files go.
#
#   LW_CUDA=AUTO    CUDA where nvcc and an NVIDIA driver are found (the default)
#   LW_CUDA=ON|OFF  CUDA, or none, whatever is found
#
# A build with CUDA starts and runs on a machine without a GPU. In a build without it, the tests run the kernels of the
# .cu files on the CPU (tests/emulator).
set(LW_CUDA AUTO CACHE STRING "Build the CUDA kernels: AUTO, ON or OFF")
set_property(CACHE LW_CUDA PROPERTY STRINGS AUTO ON OFF)
set(LW_CUDA_ARCHITECTURES "80-real;90-real;100-real;120" CACHE STRING "GPUs to build for; while developing 90-real")

find_program(LW_NVCC nvcc HINTS /usr/local/cuda/bin)

set(LW_WITH_CUDA ${LW_CUDA})
if(LW_CUDA STREQUAL AUTO)
  set(LW_WITH_CUDA OFF)
  find_library(LW_NVIDIA_DRIVER libcuda.so.1)
  if(LW_NVIDIA_DRIVER AND LW_NVCC)
    set(LW_WITH_CUDA ON)
  endif()
endif()

if(LW_WITH_CUDA)
  if(NOT LW_NVCC)
    message(FATAL_ERROR "LW_CUDA is ON, but there is no nvcc; install the CUDA toolkit, or name it with -DLW_NVCC=FILE")
  endif()
  set(CMAKE_CUDA_COMPILER ${LW_NVCC})
  set(CMAKE_CUDA_ARCHITECTURES ${LW_CUDA_ARCHITECTURES})
  # The same as nvcc calls them, for `longwave doctor`: code for one kind of GPU (sm), or for newer ones (compute).
  list(TRANSFORM LW_CUDA_ARCHITECTURES REPLACE "^([0-9]+[a-z]?)-real$" "sm_\\1" OUTPUT_VARIABLE LW_CUDA_NAMES)
  list(TRANSFORM LW_CUDA_NAMES REPLACE "^([0-9]+[a-z]?)-virtual$" "compute_\\1")
  list(TRANSFORM LW_CUDA_NAMES REPLACE "^([0-9]+[a-z]?)$" "sm_\\1 and compute_\\1")
  list(JOIN LW_CUDA_NAMES ", " LW_CUDA_NAMES)
  enable_language(CUDA)
  # CMake 3.25 knows no flag for C++20 in CUDA.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  if(CCACHE)
    set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
  endif()
  find_package(CUDAToolkit REQUIRED)
  list(APPEND LW_DEPENDENCIES CUDA::cudart_static CUDA::cublasLt)
  # NCCL, for several GPUs, where it is found beside the toolkit or among the system's libraries.
  find_library(LW_NCCL nccl HINTS ${CUDAToolkit_LIBRARY_DIR})
  find_path(LW_NCCL_INCLUDE nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  if(LW_NCCL AND LW_NCCL_INCLUDE)
    set(LW_WITH_NCCL ON)
    list(APPEND LW_DEPENDENCIES ${LW_NCCL})
  endif()
endif()

# lw_cuda_sources(FILE...): .cu files, as paths from the root, compiled by nvcc or, for the tests, for the emulator.
function(lw_cuda_sources)
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
  set_property(GLOBAL APPEND PROPERTY LW_CUDA_SOURCES ${ARGN})
  if(LW_WITH_CUDA)
    target_sources(longwave PRIVATE ${ARGN})
  endif()
endfunction()
