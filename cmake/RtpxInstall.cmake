include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rtpx)
foreach(component recorder s3 converter composer c)
  if(TARGET rtpx_${component})
    install(TARGETS rtpx_${component} EXPORT rtpx-${component} FILE_SET HEADERS)
    install(EXPORT rtpx-${component} NAMESPACE rtpx:: DESTINATION ${package_dir})
    set(pc rtpx-${component}.pc)
    if(component STREQUAL c)
      set(pc rtpx.pc)  # named like the library, librtpx
    endif()
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${pc}.in ${pc} @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${pc} DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endforeach()

configure_package_config_file(cmake/rtpxConfig.cmake.in rtpxConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(rtpxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rtpxConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/rtpxConfigVersion.cmake
        DESTINATION ${package_dir})

# Other languages: sources that their own tools build against the installed library.
if(TARGET rtpx_c)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/bindings/elixir ${PROJECT_SOURCE_DIR}/bindings/python DESTINATION ${CMAKE_INSTALL_DATADIR}/rtpx PATTERN test EXCLUDE PATTERN tests EXCLUDE
          PATTERN _build EXCLUDE PATTERN __pycache__ EXCLUDE)
endif()
