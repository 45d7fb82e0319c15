#pragma once

#include <nats/nats.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/free_with.hpp"
#include "rtpx/result.hpp"

namespace rtpx::fleet {

/// Objects of libnats, freed with their pointers.
using NatsOptionsPointer = std::unique_ptr<natsOptions, FreeWith<natsOptions_Destroy>>;
using NatsMessage = std::unique_ptr<natsMsg, FreeWith<natsMsg_Destroy>>;
using NatsSubscription = std::unique_ptr<natsSubscription, FreeWith<natsSubscription_Destroy>>;
using NatsStreamInfo = std::unique_ptr<jsStreamInfo, FreeWith<jsStreamInfo_Destroy>>;
using NatsConsumerInfo = std::unique_ptr<jsConsumerInfo, FreeWith<jsConsumerInfo_Destroy>>;
using NatsPublished = std::unique_ptr<jsPubAck, FreeWith<jsPubAck_Destroy>>;
using NatsBucket = std::unique_ptr<kvStore, FreeWith<kvStore_Destroy>>;
using NatsEntry = std::unique_ptr<kvEntry, FreeWith<kvEntry_Destroy>>;
using NatsWatcher = std::unique_ptr<kvWatcher, FreeWith<kvWatcher_Destroy>>;

/// Who hears what libnats' own threads say. They may speak after the connection's object is gone, and last when it is
/// closed.
struct NatsVoice {
  std::mutex mutex;
  std::function<void(const std::string&)> hear;  ///< under the mutex; empty: nobody any more
};

/// A connection and its JetStream context.
class NatsConnection {
 public:
  ~NatsConnection();
  NatsConnection() = default;
  NatsConnection(const NatsConnection&) = delete;
  NatsConnection& operator=(const NatsConnection&) = delete;
  natsConnection* connection = nullptr;
  jsCtx* stream = nullptr;
  const std::shared_ptr<NatsVoice> voice = std::make_shared<NatsVoice>();
};

struct NatsOptions;
/// `on_message` of the options is called until the connection is destroyed.
[[nodiscard]] Result<void> open(NatsConnection& to, const NatsOptions& options);

/// What libnats says, as an error of ours. `what`: "read the state of a job".
[[nodiscard]] Error nats_error(natsStatus status, const std::string& what, int js_error = 0);

inline constexpr const char* kJobsStream = "RTPX_JOBS";
inline constexpr const char* kStateBucket = "RTPX_STATE";
inline constexpr const char* kMembersBucket = "RTPX_MEMBERS";
inline constexpr const char* kSettingsKey = "settings";

}  // namespace rtpx::fleet
