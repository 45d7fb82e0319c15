// What only `rtpx fleet init` does.
#include <array>

#include "fleet/job_json.hpp"
#include "fleet/nats_bus.hpp"
#include "fleet/nats_objects.hpp"

namespace rtpx::fleet {
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::int64_t kDuplicateWindow = 3'600 * kNanoseconds;
constexpr std::int64_t kMembersTtl = 30'000'000'000;
constexpr std::int64_t kMaxUnacknowledged = 100'000;  // of all workers of a class together

/// The error of a step that finds something else there.
Error differs(const std::string& what, const std::string& how) {
  return {Errc::already_exists,
          what + " is there and has " + how + ". `rtpx fleet init --update` changes it."};
}

class SetUp {
 public:
  SetUp(jsCtx* js, const FleetSetup& setup) : js_(js), setup_(setup) {}

  Result<std::vector<std::string>> run() {
    if (auto done = stream(); !done) return std::unexpected(done.error());
    for (const JobClass one : kJobClasses)
      if (auto done = consumer(one); !done) return std::unexpected(done.error());
    if (auto done = bucket(kStateBucket, js_FileStorage, 0); !done) return std::unexpected(done.error());
    if (auto done = bucket(kMembersBucket, js_MemoryStorage, kMembersTtl); !done)
      return std::unexpected(done.error());
    if (auto done = settings(); !done) return std::unexpected(done.error());
    return said_;
  }

 private:
  Result<void> stream() {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    std::array<const char*, 1> subjects = {"jobs.>"};
    config.Name = kJobsStream;
    config.Subjects = subjects.data();
    config.SubjectsLen = 1;
    config.Retention = js_WorkQueuePolicy;
    config.Storage = js_FileStorage;
    config.Discard = js_DiscardNew;
    config.Replicas = setup_.replicas;
    config.Duplicates = kDuplicateWindow;
    jsStreamInfo* made = nullptr;
    jsErrCode error{};
    natsStatus status = js_GetStreamInfo(&made, js_, kJobsStream, nullptr, &error);
    const NatsStreamInfo there(made);
    if (status == NATS_OK) {
      if (there->Config->Replicas == config.Replicas && there->Config->Duplicates == config.Duplicates)
        return say("stream RTPX_JOBS is there");
      if (!setup_.update)
        return std::unexpected(
            differs("Stream RTPX_JOBS", std::to_string(there->Config->Replicas) + " replicas"));
      status = js_UpdateStream(nullptr, js_, &config, nullptr, &error);
      if (status != NATS_OK) return std::unexpected(nats_error(status, "change stream RTPX_JOBS", error));
      return say("stream RTPX_JOBS was changed");
    }
    if (error != JSStreamNotFoundErr && status != NATS_NOT_FOUND)
      return std::unexpected(nats_error(status, "look for stream RTPX_JOBS", error));
    status = js_AddStream(nullptr, js_, &config, nullptr, &error);
    if (status != NATS_OK) return std::unexpected(nats_error(status, "create stream RTPX_JOBS", error));
    return say("stream RTPX_JOBS was created");
  }

  Result<void> consumer(JobClass priority) {
    jsConsumerConfig config;
    jsConsumerConfig_Init(&config);
    const std::string filter = std::string("jobs.") + to_string(priority) + ".>";
    config.Durable = to_string(priority);
    config.FilterSubject = filter.c_str();
    config.AckPolicy = js_AckExplicit;
    config.AckWait = setup_.rules.lease.count() * 1'000'000;
    config.MaxDeliver = -1;
    config.MaxAckPending = kMaxUnacknowledged;
    const std::string name = std::string("consumer ") + to_string(priority);
    jsConsumerInfo* made = nullptr;
    jsErrCode error{};
    natsStatus status = js_GetConsumerInfo(&made, js_, kJobsStream, to_string(priority), nullptr, &error);
    const NatsConsumerInfo there(made);
    const bool exists = status == NATS_OK;
    if (exists) {
      if (there->Config->AckWait == config.AckWait && there->Config->MaxDeliver == config.MaxDeliver)
        return say(name + " is there");
      // A differing one would be overwritten without a word.
      if (!setup_.update)
        return std::unexpected(differs(
            "The " + name, std::to_string(there->Config->AckWait / kNanoseconds) + " s to acknowledge"));
    } else if (error != JSConsumerNotFoundErr && status != NATS_NOT_FOUND) {
      return std::unexpected(nats_error(status, "look for " + name, error));
    }
    status = js_AddConsumer(nullptr, js_, kJobsStream, &config, nullptr, &error);
    if (status != NATS_OK) return std::unexpected(nats_error(status, "create " + name, error));
    return say(name + (exists ? " was changed" : " was created"));
  }

  Result<void> bucket(const char* name, jsStorageType storage, std::int64_t ttl) {
    kvStore* made = nullptr;
    natsStatus status = js_KeyValue(&made, js_, name);
    if (status == NATS_OK) {
      kvStore_Destroy(made);
      return say(std::string("bucket ") + name + " is there");
    }
    kvConfig config;
    kvConfig_Init(&config);
    config.Bucket = name;
    config.History = 1;
    config.StorageType = storage;
    config.Replicas = setup_.replicas;
    config.MaxValueSize = static_cast<std::int32_t>(kMaxRecordBytes);
    config.TTL = ttl;
    status = js_CreateKeyValue(&made, js_, &config);
    if (status != NATS_OK) return std::unexpected(nats_error(status, std::string("create bucket ") + name));
    kvStore_Destroy(made);
    return say(std::string("bucket ") + name + " was created");
  }

  Result<void> settings() {
    const Json wanted = {{"version", 1},
                         {"lease_ms", setup_.rules.lease.count()},
                         {"max_attempts", setup_.rules.max_attempts},
                         {"retry_delay_ms", setup_.rules.retry_delay.count()}};
    kvStore* opened = nullptr;
    natsStatus status = js_KeyValue(&opened, js_, kStateBucket);
    if (status != NATS_OK) return std::unexpected(nats_error(status, "open bucket RTPX_STATE"));
    const NatsBucket store(opened);
    kvEntry* got = nullptr;
    if (kvStore_Get(&got, store.get(), kSettingsKey) == NATS_OK) {
      const NatsEntry entry(got);
      const std::string there(static_cast<const char*>(kvEntry_Value(got)),
                              static_cast<std::size_t>(kvEntry_ValueLen(got)));
      if (there == dump_json(wanted)) return say("the settings are there");
      if (!setup_.update) return std::unexpected(differs("A fleet", "other settings: " + there));
    }
    status = kvStore_PutString(nullptr, store.get(), kSettingsKey, dump_json(wanted).c_str());
    if (status != NATS_OK) return std::unexpected(nats_error(status, "write the settings"));
    return say("the settings were written");
  }

  Result<void> say(std::string text) {
    said_.push_back(std::move(text));
    return {};
  }

  jsCtx* js_;
  const FleetSetup& setup_;
  std::vector<std::string> said_;
};

}  // namespace

Result<std::vector<std::string>> set_up_fleet(const NatsOptions& options, const FleetSetup& setup) {
  NatsConnection connection;
  if (auto opened = open(connection, options); !opened) return std::unexpected(opened.error());
  return SetUp(connection.stream, setup).run();
}

}  // namespace rtpx::fleet
