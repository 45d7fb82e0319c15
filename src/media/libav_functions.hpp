#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/display.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include "base/loaded_library.hpp"

/// FFmpeg's functions that are used, by their own names. The libraries are those whose headers rtpx was built
/// with.
namespace rtpx {

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"  // of the functions' types

inline constinit LoadedLibrary libavcodec{"libavcodec.so." AV_STRINGIFY(LIBAVCODEC_VERSION_MAJOR)};
RTPX_LOADED(libavcodec, av_new_packet);
RTPX_LOADED(libavcodec, av_packet_alloc);
RTPX_LOADED(libavcodec, av_packet_free);
RTPX_LOADED(libavcodec, av_packet_unref);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
RTPX_LOADED(libavcodec, av_packet_side_data_get);
#endif
RTPX_LOADED(libavcodec, avcodec_alloc_context3);
RTPX_LOADED(libavcodec, avcodec_find_decoder);
RTPX_LOADED(libavcodec, avcodec_find_decoder_by_name);
RTPX_LOADED(libavcodec, avcodec_find_encoder);
RTPX_LOADED(libavcodec, avcodec_find_encoder_by_name);
RTPX_LOADED(libavcodec, avcodec_flush_buffers);
RTPX_LOADED(libavcodec, avcodec_free_context);
RTPX_LOADED(libavcodec, avcodec_get_name);
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
RTPX_LOADED(libavcodec, avcodec_get_supported_config);
#endif
RTPX_LOADED(libavcodec, avcodec_open2);
RTPX_LOADED(libavcodec, avcodec_parameters_alloc);
RTPX_LOADED(libavcodec, avcodec_parameters_free);
RTPX_LOADED(libavcodec, avcodec_parameters_to_context);
RTPX_LOADED(libavcodec, avcodec_receive_frame);
RTPX_LOADED(libavcodec, avcodec_receive_packet);
RTPX_LOADED(libavcodec, avcodec_send_frame);
RTPX_LOADED(libavcodec, avcodec_send_packet);

inline constinit LoadedLibrary libavformat{"libavformat.so." AV_STRINGIFY(LIBAVFORMAT_VERSION_MAJOR)};
RTPX_LOADED(libavformat, av_read_frame);
RTPX_LOADED(libavformat, av_seek_frame);
#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(60, 31, 100)
RTPX_LOADED(libavformat, av_stream_get_side_data);
#endif
RTPX_LOADED(libavformat, avformat_close_input);
RTPX_LOADED(libavformat, avformat_find_stream_info);
RTPX_LOADED(libavformat, avformat_index_get_entry_from_timestamp);
RTPX_LOADED(libavformat, avformat_open_input);

inline constinit LoadedLibrary libavutil{"libavutil.so." AV_STRINGIFY(LIBAVUTIL_VERSION_MAJOR)};
RTPX_LOADED(libavutil, av_audio_fifo_alloc);
RTPX_LOADED(libavutil, av_audio_fifo_free);
RTPX_LOADED(libavutil, av_audio_fifo_read);
RTPX_LOADED(libavutil, av_audio_fifo_reset);
RTPX_LOADED(libavutil, av_audio_fifo_size);
RTPX_LOADED(libavutil, av_audio_fifo_write);
RTPX_LOADED(libavutil, av_channel_layout_default);
RTPX_LOADED(libavutil, av_dict_free);
RTPX_LOADED(libavutil, av_dict_get);
RTPX_LOADED(libavutil, av_dict_set);
RTPX_LOADED(libavutil, av_frame_alloc);
RTPX_LOADED(libavutil, av_frame_clone);
RTPX_LOADED(libavutil, av_frame_free);
RTPX_LOADED(libavutil, av_frame_get_buffer);
RTPX_LOADED(libavutil, av_frame_is_writable);
RTPX_LOADED(libavutil, av_frame_move_ref);
RTPX_LOADED(libavutil, av_frame_unref);
RTPX_LOADED(libavutil, av_freep);
RTPX_LOADED(libavutil, av_get_pix_fmt_name);
RTPX_LOADED(libavutil, av_log_set_callback);
RTPX_LOADED(libavutil, av_mallocz);
RTPX_LOADED(libavutil, av_opt_set_int);
RTPX_LOADED(libavutil, av_pix_fmt_desc_get);
RTPX_LOADED(libavutil, av_rescale_q);
RTPX_LOADED(libavutil, av_samples_alloc_array_and_samples);
RTPX_LOADED(libavutil, av_strerror);

inline constinit LoadedLibrary libswresample{"libswresample.so." AV_STRINGIFY(LIBSWRESAMPLE_VERSION_MAJOR)};
RTPX_LOADED(libswresample, swr_alloc_set_opts2);
RTPX_LOADED(libswresample, swr_convert);
RTPX_LOADED(libswresample, swr_free);
RTPX_LOADED(libswresample, swr_get_out_samples);
RTPX_LOADED(libswresample, swr_init);
RTPX_LOADED(libswresample, swr_set_compensation);
RTPX_LOADED(libswresample, swr_set_matrix);

inline constinit LoadedLibrary libswscale{"libswscale.so." AV_STRINGIFY(LIBSWSCALE_VERSION_MAJOR)};
RTPX_LOADED(libswscale, sws_alloc_context);
RTPX_LOADED(libswscale, sws_freeContext);
RTPX_LOADED(libswscale, sws_getCachedContext);
RTPX_LOADED(libswscale, sws_getCoefficients);
RTPX_LOADED(libswscale, sws_getContext);
RTPX_LOADED(libswscale, sws_init_context);
RTPX_LOADED(libswscale, sws_scale);
RTPX_LOADED(libswscale, sws_setColorspaceDetails);

#pragma GCC diagnostic pop

}  // namespace rtpx
