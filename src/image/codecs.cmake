# SPDX-License-Identifier: Apache-2.0
# Picture codecs, one library a file. HEIC is optional; the others are required when codecs are built at all.
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(GIF REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(HEIF IMPORTED_TARGET libheif)
target_link_libraries(thimble_image PUBLIC JPEG::JPEG PNG::PNG GIF::GIF PkgConfig::WEBP)
target_compile_definitions(thimble_image PUBLIC THIMBLE_HAVE_CODECS=1)
if(HEIF_FOUND)
  target_link_libraries(thimble_image PUBLIC PkgConfig::HEIF)
  target_compile_definitions(thimble_image PRIVATE THIMBLE_HAVE_HEIF=1)
endif()
