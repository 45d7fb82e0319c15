#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <version>

#ifdef __cpp_lib_expected
#include <expected>  // whose std::unexpected an Expected takes too
#endif

namespace rtpx {

/// A failure on its way into an Expected, as std::unexpected is.
template <typename E>
class Unexpected {
 public:
  explicit constexpr Unexpected(E error) : error_(std::move(error)) {}
  [[nodiscard]] constexpr const E& error() const& noexcept { return error_; }
  [[nodiscard]] constexpr E& error() & noexcept { return error_; }
  [[nodiscard]] constexpr E&& error() && noexcept { return std::move(error_); }

 private:
  E error_;
};

template <typename T, typename E>
class Expected;

namespace detail {

template <typename T>
inline constexpr bool kIsExpected = false;
template <typename T, typename E>
inline constexpr bool kIsExpected<Expected<T, E>> = true;

/// Unexpected and std::unexpected: what holds an error and cannot hold a value.
template <typename F, typename E>
concept FailureOf = !kIsExpected<std::remove_cvref_t<F>> && !requires(const F& f) { f.has_value(); } &&
                    requires(F&& f) { E(std::forward<F>(f).error()); };

}  // namespace detail

/// A value or why there is none: the interface of C++23's std::expected for programs in C++20, where it is not
/// there yet. value() of a failure throws std::bad_variant_access; operator* and operator-> of one are undefined, as
/// error() of a value.
template <typename T, typename E>
class [[nodiscard]] Expected {
 public:
  using value_type = T;
  using error_type = E;

  constexpr Expected() requires std::is_default_constructible_v<T> : state_(std::in_place_index<0>) {}
  template <typename U = T>
    requires(!detail::kIsExpected<std::remove_cvref_t<U>> && !std::is_same_v<std::remove_cvref_t<U>, std::in_place_t> &&
             !detail::FailureOf<U, E> && std::is_constructible_v<T, U>)
  constexpr explicit(!std::is_convertible_v<U, T>) Expected(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  template <detail::FailureOf<E> F>
  constexpr Expected(F&& failure) : state_(std::in_place_index<1>, std::forward<F>(failure).error()) {}
  template <typename U>
    requires(!std::is_same_v<U, T> && !std::is_void_v<U> && std::is_constructible_v<T, const U&>)
  constexpr explicit(!std::is_convertible_v<const U&, T>) Expected(const Expected<U, E>& other)
      : Expected(other.has_value() ? Expected(std::in_place, *other) : Expected(Unexpected<E>(other.error()))) {}
  template <typename U>
    requires(!std::is_same_v<U, T> && !std::is_void_v<U> && std::is_constructible_v<T, U>)
  constexpr explicit(!std::is_convertible_v<U, T>) Expected(Expected<U, E>&& other)
      : Expected(other.has_value() ? Expected(std::in_place, *std::move(other))
                                   : Expected(Unexpected<E>(std::move(other).error()))) {}
  template <typename... Args>
  constexpr explicit Expected(std::in_place_t, Args&&... args)
      : state_(std::in_place_index<0>, std::forward<Args>(args)...) {}

  [[nodiscard]] constexpr bool has_value() const noexcept { return state_.index() == 0; }
  constexpr explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] constexpr T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] constexpr const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] constexpr T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  [[nodiscard]] constexpr const T&& operator*() const&& noexcept { return std::move(*std::get_if<0>(&state_)); }
  [[nodiscard]] constexpr T* operator->() noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] constexpr const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  [[nodiscard]] constexpr T& value() & { return std::get<0>(state_); }
  [[nodiscard]] constexpr const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] constexpr T&& value() && { return std::get<0>(std::move(state_)); }
  [[nodiscard]] constexpr const T&& value() const&& { return std::get<0>(std::move(state_)); }

  [[nodiscard]] constexpr E& error() & noexcept { return *std::get_if<1>(&state_); }
  [[nodiscard]] constexpr const E& error() const& noexcept { return *std::get_if<1>(&state_); }
  [[nodiscard]] constexpr E&& error() && noexcept { return std::move(*std::get_if<1>(&state_)); }

  template <typename U>
  [[nodiscard]] constexpr T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }
  template <typename U>
  [[nodiscard]] constexpr T value_or(U&& other) && {
    return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(other));
  }

  template <typename... Args>
  constexpr T& emplace(Args&&... args) {
    return state_.template emplace<0>(std::forward<Args>(args)...);
  }

  /// `f(value)`, an Expected of the same error type; a failure stays what it is.
  template <typename F>
  constexpr auto and_then(F&& f) const& {
    using Next = std::remove_cvref_t<std::invoke_result_t<F, const T&>>;
    return has_value() ? std::invoke(std::forward<F>(f), **this) : Next(Unexpected<E>(error()));
  }
  template <typename F>
  constexpr auto and_then(F&& f) && {
    using Next = std::remove_cvref_t<std::invoke_result_t<F, T&&>>;
    return has_value() ? std::invoke(std::forward<F>(f), *std::move(*this)) : Next(Unexpected<E>(std::move(error())));
  }
  /// The value becomes `f(value)`.
  template <typename F>
  constexpr auto transform(F&& f) const& {
    return transformed(*this, std::forward<F>(f));
  }
  template <typename F>
  constexpr auto transform(F&& f) && {
    return transformed(std::move(*this), std::forward<F>(f));
  }
  /// `f(error)`, an Expected of the same value type, in place of a failure.
  template <typename F>
  constexpr Expected or_else(F&& f) const& {
    return has_value() ? *this : std::invoke(std::forward<F>(f), error());
  }
  template <typename F>
  constexpr Expected or_else(F&& f) && {
    return has_value() ? std::move(*this) : std::invoke(std::forward<F>(f), std::move(error()));
  }

  friend constexpr bool operator==(const Expected& a, const Expected& b)
    requires requires(const T& t, const E& e) { t == t, e == e; }
  {
    return a.has_value() == b.has_value() && (a.has_value() ? *a == *b : a.error() == b.error());
  }
  template <typename U>
    requires(!detail::kIsExpected<U> && requires(const T& t, const U& u) { static_cast<bool>(t == u); })
  friend constexpr bool operator==(const Expected& a, const U& b) {
    return a.has_value() && *a == b;
  }

 private:
  template <typename Self, typename F>
  static constexpr auto transformed(Self&& self, F&& f) {
    using Value = std::remove_cv_t<std::invoke_result_t<F, decltype(*std::forward<Self>(self))>>;
    using Next = Expected<Value, E>;
    if (!self.has_value()) return Next(Unexpected<E>(std::forward<Self>(self).error()));
    if constexpr (std::is_void_v<Value>) {
      std::invoke(std::forward<F>(f), *std::forward<Self>(self));
      return Next();
    } else {
      return Next(std::in_place, std::invoke(std::forward<F>(f), *std::forward<Self>(self)));
    }
  }

  std::variant<T, E> state_;
};

/// Of calls that answer nothing but whether they worked.
template <typename E>
class [[nodiscard]] Expected<void, E> {
 public:
  using value_type = void;
  using error_type = E;

  constexpr Expected() = default;
  constexpr explicit Expected(std::in_place_t) {}
  template <detail::FailureOf<E> F>
  constexpr Expected(F&& failure) : error_(std::in_place, std::forward<F>(failure).error()) {}

  [[nodiscard]] constexpr bool has_value() const noexcept { return !error_.has_value(); }
  constexpr explicit operator bool() const noexcept { return has_value(); }
  constexpr void operator*() const noexcept {}
  constexpr void value() const {
    if (!has_value()) throw std::bad_variant_access();
  }
  [[nodiscard]] constexpr E& error() & noexcept { return *error_; }
  [[nodiscard]] constexpr const E& error() const& noexcept { return *error_; }
  [[nodiscard]] constexpr E&& error() && noexcept { return *std::move(error_); }
  constexpr void emplace() noexcept { error_.reset(); }

  template <typename F>
  constexpr auto and_then(F&& f) const {
    using Next = std::remove_cvref_t<std::invoke_result_t<F>>;
    return has_value() ? std::invoke(std::forward<F>(f)) : Next(Unexpected<E>(*error_));
  }
  template <typename F>
  constexpr auto transform(F&& f) const {
    using Value = std::remove_cv_t<std::invoke_result_t<F>>;
    using Next = Expected<Value, E>;
    if (!has_value()) return Next(Unexpected<E>(*error_));
    if constexpr (std::is_void_v<Value>) {
      std::invoke(std::forward<F>(f));
      return Next();
    } else {
      return Next(std::in_place, std::invoke(std::forward<F>(f)));
    }
  }
  template <typename F>
  constexpr Expected or_else(F&& f) const {
    return has_value() ? *this : std::invoke(std::forward<F>(f), *error_);
  }

  friend constexpr bool operator==(const Expected& a, const Expected& b)
    requires requires(const E& e) { e == e; }
  {
    return a.error_ == b.error_;
  }

 private:
  std::optional<E> error_;
};

}  // namespace rtpx
