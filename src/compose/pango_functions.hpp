#pragma once

#include <pango/pangocairo.h>

#include "base/loaded_library.hpp"

/// The functions of Pango, Cairo and GLib that are used, by their own names.
namespace rtpx {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // of the functions' types

inline constinit LoadedLibrary libpango{"libpango-1.0.so.0"};
RTPX_LOADED(libpango, pango_font_description_free);
RTPX_LOADED(libpango, pango_font_description_from_string);
RTPX_LOADED(libpango, pango_font_description_set_absolute_size);
RTPX_LOADED(libpango, pango_get_log_attrs);
RTPX_LOADED(libpango, pango_language_get_default);
RTPX_LOADED(libpango, pango_layout_get_pixel_size);
RTPX_LOADED(libpango, pango_layout_set_ellipsize);
RTPX_LOADED(libpango, pango_layout_set_font_description);
RTPX_LOADED(libpango, pango_layout_set_single_paragraph_mode);
RTPX_LOADED(libpango, pango_layout_set_text);
RTPX_LOADED(libpango, pango_layout_set_width);

inline constinit LoadedLibrary libpangocairo{"libpangocairo-1.0.so.0"};
RTPX_LOADED(libpangocairo, pango_cairo_create_layout);
RTPX_LOADED(libpangocairo, pango_cairo_show_layout);

inline constinit LoadedLibrary libcairo{"libcairo.so.2"};
RTPX_LOADED(libcairo, cairo_arc);
RTPX_LOADED(libcairo, cairo_close_path);
RTPX_LOADED(libcairo, cairo_create);
RTPX_LOADED(libcairo, cairo_destroy);
RTPX_LOADED(libcairo, cairo_fill);
RTPX_LOADED(libcairo, cairo_image_surface_create);
RTPX_LOADED(libcairo, cairo_image_surface_get_data);
RTPX_LOADED(libcairo, cairo_image_surface_get_height);
RTPX_LOADED(libcairo, cairo_image_surface_get_stride);
RTPX_LOADED(libcairo, cairo_image_surface_get_width);
RTPX_LOADED(libcairo, cairo_line_to);
RTPX_LOADED(libcairo, cairo_move_to);
RTPX_LOADED(libcairo, cairo_new_sub_path);
RTPX_LOADED(libcairo, cairo_paint);
RTPX_LOADED(libcairo, cairo_set_line_width);
RTPX_LOADED(libcairo, cairo_set_source_rgba);
RTPX_LOADED(libcairo, cairo_status);
RTPX_LOADED(libcairo, cairo_stroke);
RTPX_LOADED(libcairo, cairo_surface_destroy);
RTPX_LOADED(libcairo, cairo_surface_flush);

inline constinit LoadedLibrary libgobject{"libgobject-2.0.so.0"};
RTPX_LOADED(libgobject, g_object_unref);

inline constinit LoadedLibrary libglib{"libglib-2.0.so.0"};
RTPX_LOADED(libglib, g_free);
RTPX_LOADED(libglib, g_unichar_isalnum);
RTPX_LOADED(libglib, g_unichar_iscntrl);
RTPX_LOADED(libglib, g_utf8_find_next_char);
RTPX_LOADED(libglib, g_utf8_get_char);
RTPX_LOADED(libglib, g_utf8_make_valid);
RTPX_LOADED(libglib, g_utf8_strlen);
RTPX_LOADED(libglib, g_utf8_strup);

#pragma GCC diagnostic pop

}  // namespace rtpx
