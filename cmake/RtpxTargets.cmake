# Warnings and sanitizers for our own targets; never exported.
add_library(rtpx_flags INTERFACE)
target_compile_options(rtpx_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                                            -Wno-missing-field-initializers)
# GCC 12 at -O2 sees overlaps inside std::string that are not there (its bug 105651).
target_compile_options(rtpx_flags INTERFACE $<$<AND:$<CXX_COMPILER_ID:GNU>,$<CONFIG:Release>>:-Wno-restrict>)
# Where several files are compiled as one, GCC takes their private types for a header's.
target_compile_options(rtpx_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
if(RTPX_SANITIZE)
  target_compile_options(rtpx_flags INTERFACE -fsanitize=${RTPX_SANITIZE} -fno-omit-frame-pointer
                                              -fno-sanitize-recover=all)
  string(REGEX MATCH "address|thread" kind ${RTPX_SANITIZE})
  target_compile_definitions(rtpx_flags INTERFACE RTPX_UNDER_$<IF:$<STREQUAL:${kind},thread>,TSAN,ASAN>)
  # Left out, for a quarter of the build's time: null pointers and reads past an object, at which AddressSanitizer stops
  # too, null arguments, and the types behind vtables, which hardly a class here has.
  if(RTPX_SANITIZE MATCHES undefined)
    target_compile_options(rtpx_flags INTERFACE
                           -fno-sanitize=null,object-size,vptr,nonnull-attribute,returns-nonnull-attribute)
  endif()
  # The tests' own code is compiled quickly: it is not what they look for faults in.
  target_compile_options(rtpx_flags INTERFACE $<$<BOOL:$<TARGET_PROPERTY:RTPX_TEST>>:-O0;-fno-sanitize=undefined>)
  target_link_options(rtpx_flags INTERFACE -fsanitize=${RTPX_SANITIZE})
endif()
if(RTPX_LIBFUZZER)
  target_compile_options(rtpx_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# rtpx_library(<name> [HEADERS <public headers>...]): a library target with the alias rtpx::<name>. Its sources come
# from the CMakeLists.txt of the folders under src/ that belong to it.
function(rtpx_library name)
  cmake_parse_arguments(ARG "" "" "HEADERS" ${ARGN})
  add_library(rtpx_${name})
  add_library(rtpx::${name} ALIAS rtpx_${name})
  set_target_properties(rtpx_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON
                                                VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
  target_include_directories(rtpx_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(rtpx_${name} PUBLIC cxx_std_20)  # what its headers need; itself is C++23, as all here
  target_link_libraries(rtpx_${name} PRIVATE $<BUILD_INTERFACE:rtpx_flags>)
  list(TRANSFORM ARG_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/rtpx/)
  target_sources(rtpx_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include FILES ${ARG_HEADERS})
endfunction()

# rtpx_loads(<target> <library>...): the target has the headers of libraries that it loads when it first calls them
# (src/base/loaded_library.hpp), and does not link them.
function(rtpx_loads target)
  foreach(library ${ARGN})
    target_include_directories(${target} SYSTEM PRIVATE $<TARGET_PROPERTY:${library},INTERFACE_INCLUDE_DIRECTORIES>)
  endforeach()
endfunction()

# rtpx_test(<name> LABELS <label>... SOURCES <file>... [LIBRARIES <target>...] [TIMEOUT <seconds>] [SHARDS <count>]):
# ctest knows each test, or, with RTPX_TEST_PROGRAMS, each program: under sanitizers a process takes half a second to
# begin. SHARDS says for how many processes the program's tests are enough.
function(rtpx_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;SHARDS" "LABELS;SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE rtpx_flags rtpx_test_support ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  set_target_properties(${name} PROPERTIES RTPX_TEST ON)
  if(RTPX_TEST_PROGRAMS)
    rtpx_test_program(${name} "${ARG_LABELS}" "${ARG_SHARDS}")
    return()
  endif()
  gtest_discover_tests(${name} TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

function(rtpx_test_program name labels shards)
  if(NOT shards)
    set(shards 1)
  endif()
  foreach(shard RANGE 1 ${shards})
    math(EXPR index "${shard} - 1")
    set(test ${name}.${shard}of${shards})
    add_test(NAME ${test} COMMAND ${name})
    set_tests_properties(${test} PROPERTIES LABELS "${labels}" TIMEOUT 1800 ENVIRONMENT
      "GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${index};GTEST_BRIEF=1;GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/gtest/${test}.xml")
  endforeach()
endfunction()

# rtpx_fuzz(<area> [LIBRARIES <target>...]): fuzz/fuzz_<area>.cpp with fuzz/corpus/<area>/. In a normal build the
# target replays its corpus, as a test; with RTPX_LIBFUZZER it is a libFuzzer binary.
function(rtpx_fuzz area)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  set(target fuzz_${area})
  add_executable(${target} fuzz_${area}.cpp)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${target} PRIVATE rtpx_flags ${ARG_LIBRARIES})
  if(RTPX_LIBFUZZER)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${target} PRIVATE replay_main.cpp)
    add_test(NAME ${target}.corpus COMMAND ${target} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${area})
    set_tests_properties(${target}.corpus PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
  set_property(GLOBAL APPEND PROPERTY RTPX_FUZZ_TARGETS ${target})
endfunction()
