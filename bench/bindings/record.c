/* The same through rtpx.h. usage: record FOLDER PACKETS TRACKS */
#define _GNU_SOURCE
#include <dirent.h>
#include <rtpx/rtpx.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CPU time of this process in ns: of the threads that librtpx has started, and of all others. */
static void cpu_time(double* library, double* caller) {
  *library = *caller = 0;
  DIR* tasks = opendir("/proc/self/task");
  for (struct dirent* task; (task = readdir(tasks)) != NULL;) {
    char path[300], name[32] = "";
    double user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/self/task/%.200s/comm", task->d_name);
    FILE* file = fopen(path, "r");
    if (file == NULL) continue;
    if (fscanf(file, "%31s", name) != 1) name[0] = 0;
    fclose(file);
    snprintf(path, sizeof path, "/proc/self/task/%.200s/stat", task->d_name);
    if ((file = fopen(path, "r")) == NULL) continue;
    if (fscanf(file, "%*d (%*[^)]) %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lf %lf", &user, &system) != 2) user = system = 0;
    fclose(file);
    *(strncmp(name, "rtpx-", 5) == 0 ? library : caller) += (user + system) * 1e7;
  }
  closedir(tasks);
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const unsigned long packets = strtoul(argv[2], NULL, 10), count = strtoul(argv[3], NULL, 10), batch = 50000;
  rtpx_recorder_options options;
  rtpx_recorder_options_init(&options, sizeof options);
  options.base_dir = argv[1];
  rtpx_recorder* recorder = rtpx_recorder_start(&options, NULL);
  if (recorder == NULL) return 1;
  rtpx_track_info* wanted = calloc(count, sizeof *wanted);
  rtpx_track** tracks = calloc(count, sizeof *tracks);
  char(*ids)[24] = calloc(count, sizeof *ids);
  for (unsigned long i = 0; i < count; ++i) {
    wanted[i] = (rtpx_track_info)RTPX_TRACK_INFO_INIT;
    snprintf(ids[i], sizeof ids[i], "%lu", i);
    wanted[i].id = ids[i];
  }
  rtpx_free(rtpx_recorder_add_tracks(recorder, wanted, count, NULL));
  for (unsigned long i = 0; i < count; ++i) tracks[i] = rtpx_recorder_track(recorder, ids[i], NULL);
  unsigned char packet[1100];
  memset(packet, 0x5A, sizeof packet);
  packet[0] = 0x80;
  packet[1] = 96;

  rtpx_recorder_stats stats = {.size = sizeof stats};
  double library, caller, library_after, caller_after;
  cpu_time(&library, &caller);
  for (unsigned long i = 0; i < packets;) {
    for (unsigned long n = 0; n < batch && i < packets; ++n, ++i)
      (void)rtpx_track_record(tracks[i % count], 0, packet, sizeof packet, NULL);
    if (rtpx_recorder_flush(recorder, NULL) != 0) return 1;
  }
  cpu_time(&library_after, &caller_after);
  rtpx_recorder_get_stats(recorder, &stats);
  if (stats.packets != packets) return fprintf(stderr, "packets were refused\n"), 1;
  printf("%.1f %.1f\n", (library_after - library + caller_after - caller) / (double)packets,
         (caller_after - caller) / (double)packets);
  for (unsigned long i = 0; i < count; ++i) rtpx_track_free(tracks[i]);
  rtpx_recorder_free(recorder);
  return 0;
}
