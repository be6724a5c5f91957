# lw_op(NAME [KERNEL]): the one line, in kernels/CMakeLists.txt, that adds a differentiable op.
#
# An op NAME is these files, always under these names:
#   autograd/ops/NAME.{h,cpp}       the differentiable function
#   tests/ops/NAME_test.cpp         its tests
# and, with KERNEL,
#   kernels/NAME/README.md          the mathematics, its gradient derived, references
#   kernels/NAME/NAME.h             what the kernels compute
#   kernels/NAME/NAME_cpu.cpp       how, on the CPU
#   kernels/NAME/NAME_cuda.cu       how, on a GPU
# A missing file, the README and the test included, is a configure error. So `git ls-files '*NAME*'` finds all of it.
function(lw_op name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "KERNEL" "" "")
  set(source autograd/ops/${name}.cpp)
  lw_require_files("op `${name}`" "Add an op" autograd/ops/${name}.h ${source} tests/ops/${name}_test.cpp)
  if(arg_KERNEL)
    lw_kernel_files(${name})
  endif()
  target_sources(longwave PRIVATE ${PROJECT_SOURCE_DIR}/${source})
  lw_test(ops/${name})
endfunction()

# lw_kernel(NAME): a kernel that is no op of its own (FFT, how gradients add up, the optimizers' updates): the files of
# kernels/NAME above, and tests/kernels/NAME_test.cpp.
function(lw_kernel name)
  lw_require_files("kernel `${name}`" "Add an op" tests/kernels/${name}_test.cpp)
  lw_kernel_files(${name})
  lw_test(kernels/${name})
endfunction()

function(lw_kernel_files name)
  set(cpu kernels/${name}/${name}_cpu.cpp)
  set(cuda kernels/${name}/${name}_cuda.cu)
  lw_require_files("kernel `${name}`" "Add an op" kernels/${name}/README.md kernels/${name}/${name}.h ${cpu} ${cuda})
  target_sources(longwave PRIVATE ${PROJECT_SOURCE_DIR}/${cpu})
  lw_cuda_sources(${cuda})
endfunction()

# Stops the configure step, naming the first file of `what` that is missing and the recipe to follow.
function(lw_require_files what recipe)
  foreach(file IN LISTS ARGN)
    if(NOT EXISTS ${PROJECT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "${what} has no ${file}; see CONTRIBUTING.md, \"${recipe}\"")
    endif()
  endforeach()
endfunction()

# lw_test(FOLDER/NAME): builds tests/FOLDER/NAME_test.cpp; each of its GoogleTest cases is a ctest test.
function(lw_test path)
  if(NOT LW_TESTS)
    return()
  endif()
  string(REPLACE "/" "_" target ${path}_test)
  add_executable(${target} ${PROJECT_SOURCE_DIR}/tests/${path}_test.cpp)
  target_link_libraries(${target} PRIVATE longwave_test_main)
  get_filename_component(folder ${path} DIRECTORY)
  gtest_discover_tests(${target} DISCOVERY_MODE PRE_TEST TEST_PREFIX "${folder}/" PROPERTIES LABELS ${folder} TIMEOUT 600
                       ENVIRONMENT OMP_WAIT_POLICY=passive)
  # What computes with vectors is tested again, a whole program at a time, as lesser processors would run it.
  if(folder MATCHES "^(kernels|ops|layers)$")
    foreach(simd avx2 ssse3 scalar)
      add_test(NAME ${simd}/${path} COMMAND ${target} --gtest_brief=1)
      set_tests_properties(${simd}/${path} PROPERTIES LABELS ${simd} TIMEOUT 600 SKIP_RETURN_CODE 77
                           ENVIRONMENT "OMP_WAIT_POLICY=passive;LW_SIMD=${simd}")
    endforeach()
  endif()
  if(folder MATCHES "^(kernels|ops|optim|layers)$")
    lw_gpu_test(${path} ${target})
  endif()
endfunction()

# lw_gpu_test(FOLDER/NAME TARGET): the same tests with all tensors on the GPU, or on the emulated one.
function(lw_gpu_test path target)
  add_test(NAME cuda/${path} COMMAND ${target} --gtest_brief=1)
  set_tests_properties(cuda/${path} PROPERTIES LABELS cuda TIMEOUT 600 SKIP_RETURN_CODE 77
                       ENVIRONMENT "OMP_WAIT_POLICY=passive;LW_DEVICE=cuda")
  # What chooses by the shared memory of a block is played as on a card of which one has 99 KiB, too.
  if(NOT LW_WITH_CUDA AND path MATCHES "^(kernels/fft|ops/diagonal_scan|layers/s4d)$")
    add_test(NAME cuda_99_kib/${path} COMMAND ${target} --gtest_brief=1)
    set_tests_properties(cuda_99_kib/${path} PROPERTIES LABELS cuda TIMEOUT 600 SKIP_RETURN_CODE 77
                         ENVIRONMENT "OMP_WAIT_POLICY=passive;LW_DEVICE=cuda;LW_EMULATED_SHARED_KIB=99")
  endif()
endfunction()
