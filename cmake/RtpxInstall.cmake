include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rtpx)
foreach(component recorder s3 converter)
  if(TARGET rtpx_${component})
    install(TARGETS rtpx_${component} EXPORT rtpx-${component} FILE_SET HEADERS)
    install(EXPORT rtpx-${component} NAMESPACE rtpx:: DESTINATION ${package_dir})
    configure_file(${PROJECT_SOURCE_DIR}/cmake/rtpx-${component}.pc.in rtpx-${component}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rtpx-${component}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  endif()
endforeach()

configure_package_config_file(cmake/rtpxConfig.cmake.in rtpxConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(rtpxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rtpxConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/rtpxConfigVersion.cmake
        DESTINATION ${package_dir})
