# Everything the library links. CONTRIBUTING.md says why each is there; the packages are listed in ./lw.
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)
find_package(HDF5 REQUIRED COMPONENTS C)  # its module needs the C language
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(hwy REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)  # `data fetch` alone
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(oneDNN REQUIRED)  # cmake/FindoneDNN.cmake: Debian's own config file asks for OpenCL
find_package(xxHash REQUIRED)  # cmake/FindxxHash.cmake

set(LW_DEPENDENCIES OpenMP::OpenMP_CXX Threads::Threads hdf5::hdf5 yaml-cpp spdlog::spdlog CLI11::CLI11
                    nlohmann_json::nlohmann_json hwy::hwy Eigen3::Eigen ZLIB::ZLIB OpenSSL::Crypto CURL::libcurl
                    oneDNN::oneDNN xxHash::xxHash)

# Training on several processes (core/communicator.h).
#   LW_MPI=AUTO    where MPI is found (the default)
#   LW_MPI=ON|OFF  with it, or without, whatever is found
set(LW_MPI AUTO CACHE STRING "Train on several processes through MPI: AUTO, ON or OFF")
set_property(CACHE LW_MPI PROPERTY STRINGS AUTO ON OFF)
if(LW_MPI STREQUAL AUTO)
  find_package(MPI QUIET COMPONENTS C)
elseif(LW_MPI)
  find_package(MPI REQUIRED COMPONENTS C)
endif()
set(LW_WITH_MPI OFF)
if(LW_MPI AND MPI_C_FOUND)
  set(LW_WITH_MPI ON)
  list(APPEND LW_DEPENDENCIES $<LINK_ONLY:MPI::MPI_C>)  # core/CMakeLists.txt: one file alone sees its headers
endif()

if(LW_TESTS)
  find_package(GTest REQUIRED)
  find_path(KISSFFT_INCLUDE_DIR kissfft/kissfft.hh REQUIRED)  # oracle of the FFT; headers alone
  find_package(Boost 1.74 REQUIRED COMPONENTS context)  # tests/emulator
  include(GoogleTest)
endif()
