#include "compose/labels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <new>
#include <vector>

#include "base/free_with.hpp"
#include "compose/pango_functions.hpp"

namespace rtpx::film {
namespace {

struct Unref {
  void operator()(cairo_surface_t* p) const noexcept { cairo_surface_destroy(p); }
  void operator()(cairo_t* p) const noexcept { cairo_destroy(p); }
  void operator()(PangoLayout* p) const noexcept { g_object_unref(p); }
  void operator()(PangoFontDescription* p) const noexcept { pango_font_description_free(p); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

constexpr std::array<Colour, 8> kDiscs{
    Colour{0x2E, 0x7D, 0xB5}, Colour{0x8E, 0x44, 0xAD}, Colour{0x1E, 0x8E, 0x6B}, Colour{0xC0, 0x5A, 0x1F},
    Colour{0xB0, 0x3A, 0x5B}, Colour{0x5C, 0x6B, 0xC0}, Colour{0x6D, 0x7F, 0x1F}, Colour{0x79, 0x55, 0x48}};

/// A drawing of even sides.
class Drawing {
 public:
  Drawing(int width, int height)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height)),
        cairo_(cairo_create(surface_.get())) {
    if (cairo_status(cairo_.get()) != CAIRO_STATUS_SUCCESS) throw std::bad_alloc();
  }
  [[nodiscard]] cairo_t* cairo() const { return cairo_.get(); }
  void colour(const Colour& colour, double alpha = 1) const {
    cairo_set_source_rgba(cairo_.get(), colour.red / 255.0, colour.green / 255.0, colour.blue / 255.0, alpha);
  }
  void rounded(double x, double y, double width, double height, double radius) const {
    cairo_new_sub_path(cairo_.get());
    cairo_arc(cairo_.get(), x + width - radius, y + radius, radius, -M_PI / 2, 0);
    cairo_arc(cairo_.get(), x + width - radius, y + height - radius, radius, 0, M_PI / 2);
    cairo_arc(cairo_.get(), x + radius, y + height - radius, radius, M_PI / 2, M_PI);
    cairo_arc(cairo_.get(), x + radius, y + radius, radius, M_PI, 1.5 * M_PI);
    cairo_close_path(cairo_.get());
  }
  [[nodiscard]] Overlay overlay() const {
    cairo_surface_flush(surface_.get());
    return overlay_of(
        cairo_image_surface_get_data(surface_.get()), cairo_image_surface_get_stride(surface_.get()),
        cairo_image_surface_get_width(surface_.get()), cairo_image_surface_get_height(surface_.get()),
        std::endian::native);
  }

 private:
  Owned<cairo_surface_t> surface_;
  Owned<cairo_t> cairo_;
};

const char* next_letter(const char* at) {
  return g_utf8_find_next_char(at, nullptr);
}

/// Names come from the network: valid UTF-8, one line, no controls, not endless.
std::string printable_name(const std::string& name) {
  const std::unique_ptr<char, FreeWith<g_free>> valid(
      g_utf8_make_valid(name.data(), static_cast<gssize>(std::min<std::size_t>(name.size(), 400))));
  std::string out;
  for (const char* at = valid.get(); *at != '\0'; at = next_letter(at)) {
    const gunichar letter = g_utf8_get_char(at);
    if (g_unichar_iscntrl(letter) || letter == 0x2028 || letter == 0x2029)
      out += ' ';
    else
      out.append(at, next_letter(at));
  }
  return out;
}

Owned<PangoLayout> text_of(cairo_t* cairo, const std::string& text, double pixels, int most_width) {
  Owned<PangoLayout> layout(pango_cairo_create_layout(cairo));
  const Owned<PangoFontDescription> font(pango_font_description_from_string("Sans"));
  pango_font_description_set_absolute_size(font.get(), pixels * PANGO_SCALE);
  pango_layout_set_font_description(layout.get(), font.get());
  pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
  pango_layout_set_text(layout.get(), text.data(), static_cast<int>(text.size()));
  int width = 0, height = 0;
  pango_layout_get_pixel_size(layout.get(), &width, &height);
  if (width > most_width) pango_layout_set_width(layout.get(), most_width * PANGO_SCALE);
  return layout;
}

void microphone(const Drawing& drawing, double x, double y, double size) {
  cairo_t* cairo = drawing.cairo();
  drawing.colour({0xFF, 0x6B, 0x6B});
  drawing.rounded(x + size * 0.36, y + size * 0.08, size * 0.28, size * 0.5, size * 0.14);
  cairo_fill(cairo);
  cairo_set_line_width(cairo, size * 0.09);
  cairo_arc(cairo, x + size * 0.5, y + size * 0.45, size * 0.27, 0, M_PI);
  cairo_stroke(cairo);
  cairo_move_to(cairo, x + size * 0.5, y + size * 0.72);
  cairo_line_to(cairo, x + size * 0.5, y + size * 0.92);
  cairo_stroke(cairo);
  cairo_move_to(cairo, x + size * 0.14, y + size * 0.1);
  cairo_line_to(cairo, x + size * 0.86, y + size * 0.9);
  cairo_stroke(cairo);
}

int even_up(int value) {
  return (value + 1) & ~1;
}

/// White on a dark box, which fits a canvas of this size.
Overlay draw_line(const std::string& line, double size, double darkness, int width, int height) {
  const int padding = static_cast<int>(size * 0.5);
  int text_width = 0, text_height = 0;
  {
    const Drawing measure(2, 2);
    const auto text = text_of(measure.cairo(), line, size, width - 4 * padding);
    pango_layout_get_pixel_size(text.get(), &text_width, &text_height);
  }
  const int box_width = std::min(even_up(text_width + 2 * padding), width & ~1);
  const int box_height = std::min(even_up(text_height + padding), height & ~1);
  const Drawing drawing(box_width, box_height);
  drawing.colour({0, 0, 0}, darkness);
  drawing.rounded(0, 0, box_width, box_height, size * 0.3);
  cairo_fill(drawing.cairo());
  drawing.colour({0xFF, 0xFF, 0xFF});
  cairo_move_to(drawing.cairo(), padding, padding / 2.0);
  pango_cairo_show_layout(drawing.cairo(), text_of(drawing.cairo(), line, size, width - 4 * padding).get());
  return drawing.overlay();
}

}  // namespace

Overlay draw_label(const std::string& raw, bool muted, int width, int height) {
  const std::string name = printable_name(raw);
  const double size = std::clamp(height * 0.05, 11.0, 30.0);
  const int padding = static_cast<int>(size * 0.45), margin = even_up(static_cast<int>(size * 0.4));
  const int sign = muted ? static_cast<int>(size * 1.25) : 0;
  const int most = width - 2 * margin - 2 * padding - sign;
  if (most < 2 * size || height < 3 * size || (name.empty() && !muted)) return {};
  int text_width = 0, text_height = 0;
  {
    const Drawing measure(2, 2);
    const auto text = text_of(measure.cairo(), name, size, most);
    pango_layout_get_pixel_size(text.get(), &text_width, &text_height);
  }
  text_height = std::max(text_height, static_cast<int>(size * 1.3));
  const int box_width = even_up(text_width + 2 * padding + sign), box_height = even_up(text_height + padding);
  if (box_width > width || box_height > height) return {};
  const Drawing drawing(box_width, box_height);
  drawing.colour({0, 0, 0}, 0.55);
  drawing.rounded(0, 0, box_width, box_height, size * 0.35);
  cairo_fill(drawing.cairo());
  if (muted) microphone(drawing, padding * 0.6, (box_height - size * 1.1) / 2, size * 1.1);
  drawing.colour({0xFF, 0xFF, 0xFF});
  cairo_move_to(drawing.cairo(), padding + sign, padding / 2.0);
  pango_cairo_show_layout(drawing.cairo(), text_of(drawing.cairo(), name, size, most).get());
  Overlay out = drawing.overlay();
  out.x = std::min(margin, (width - box_width) & ~1);
  out.y = std::max(0, (height - box_height - margin) & ~1);
  return out;
}

std::string initials_of(const std::string& raw) {
  const std::string name = printable_name(raw);
  const int length = static_cast<int>(g_utf8_strlen(name.c_str(), -1));
  std::vector<PangoLogAttr> breaks(static_cast<std::size_t>(length) + 1);
  pango_get_log_attrs(name.data(), static_cast<int>(name.size()), -1, pango_language_get_default(),
                      breaks.data(), length + 1);
  // The first letter or number of each word, up to where a cursor may stand.
  std::vector<std::string> firsts;
  bool within = false;
  int at = 0;
  for (const char* letter = name.c_str(); *letter != '\0'; letter = next_letter(letter), ++at) {
    const bool word = g_unichar_isalnum(g_utf8_get_char(letter)) != FALSE;
    const bool mark = breaks[static_cast<std::size_t>(at)].is_cursor_position == 0;
    if (mark && within && !firsts.empty()) continue;
    if (word && !within) {
      const char* end = next_letter(letter);
      for (int next = at + 1; *end != '\0' && breaks[static_cast<std::size_t>(next)].is_cursor_position == 0;
           ++next)
        end = next_letter(end);
      firsts.emplace_back(letter, end);
    }
    within = word || (within && (*letter == '\'' || *letter == '-'));
  }
  if (firsts.empty()) return "?";
  const std::string both = firsts.size() > 1 ? firsts.front() + firsts.back() : firsts.front();
  const std::unique_ptr<char, FreeWith<g_free>> upper(
      g_utf8_strup(both.data(), static_cast<gssize>(both.size())));
  return upper.get();
}

Overlay draw_initials(const std::string& name, const std::string& id, int width, int height) {
  const Drawing drawing(width, height);
  drawing.colour({0x26, 0x2B, 0x36});
  cairo_paint(drawing.cairo());
  const double radius = std::min(width, height) * 0.28;
  std::size_t hash = 5381;
  for (const char c : id) hash = hash * 33 + static_cast<unsigned char>(c);
  drawing.colour(kDiscs[hash % kDiscs.size()]);
  cairo_arc(drawing.cairo(), width / 2.0, height / 2.0, radius, 0, 2 * M_PI);
  cairo_fill(drawing.cairo());
  if (radius >= 6) {
    const auto text =
        text_of(drawing.cairo(), initials_of(name), radius * 0.85, static_cast<int>(radius * 2));
    int text_width = 0, text_height = 0;
    pango_layout_get_pixel_size(text.get(), &text_width, &text_height);
    drawing.colour({0xFF, 0xFF, 0xFF});
    cairo_move_to(drawing.cairo(), (width - text_width) / 2.0, (height - text_height) / 2.0);
    pango_cairo_show_layout(drawing.cairo(), text.get());
  }
  return drawing.overlay();
}

Overlay draw_title(const std::string& raw, int width, int height) {
  const double size = std::clamp(height * 0.06, 12.0, 90.0);
  Overlay out = draw_line(printable_name(raw), size, 0.6, width, height);
  out.x = ((width - out.width) / 2) & ~1;
  out.y = std::min(static_cast<int>(size * 0.5) & ~1, (height - out.height) & ~1);
  return out;
}

Overlay draw_clock(const std::string& time, int width, int height) {
  return draw_line(time, std::clamp(height * 0.035, 11.0, 60.0), 0.5, width, height);
}

}  // namespace rtpx::film
