#pragma once

namespace rtpx {

/// The deleter of a std::unique_ptr to what a C library made: FreeWith<natsMsg_Destroy>.
template <auto& Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace rtpx
