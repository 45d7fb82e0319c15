// Records framed RTP from standard input with librtpx and prints what the conversion wrote: the same input that
// `rtpx record --stdin` takes (docs/ingest.md), read here by hand. webrtc-rs hands over the same bytes: `track.read(&mut buffer)`.
//
//     rustc -O --edition 2021 main.rs -L "$(pkg-config --variable=libdir rtpx)" -o record
//     ./record recordings < frames
use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::raw::{c_char, c_int, c_void};
use std::{env, process, ptr};

#[repr(C)]
struct RecorderHandle {
    _opaque: [u8; 0],
}
#[repr(C)]
struct TrackHandle {
    _opaque: [u8; 0],
}
#[repr(C)]
struct ErrorHandle {
    _opaque: [u8; 0],
}

/// The first members of rtpx_recorder_options and rtpx_convert_options: a structure says how long it is, and the rest
/// has its defaults.
#[repr(C)]
struct RecorderOptions {
    size: usize,
    base_dir: *const c_char,
}
#[repr(C)]
struct ConvertOptions {
    size: usize,
    output_path: *const c_char,
}

#[link(name = "rtpx")]
extern "C" {
    fn rtpx_error_message(error: *const ErrorHandle) -> *const c_char;
    fn rtpx_error_free(error: *mut ErrorHandle);
    fn rtpx_free(text: *mut c_void);
    fn rtpx_recorder_start(options: *const RecorderOptions, error: *mut *mut ErrorHandle) -> *mut RecorderHandle;
    fn rtpx_recorder_free(recorder: *mut RecorderHandle);
    fn rtpx_recorder_folder(recorder: *mut RecorderHandle) -> *mut c_char;
    fn rtpx_recorder_add_tracks_json(
        recorder: *mut RecorderHandle,
        tracks: *const c_char,
        error: *mut *mut ErrorHandle,
    ) -> *mut c_char;
    fn rtpx_recorder_track(
        recorder: *mut RecorderHandle,
        id: *const c_char,
        error: *mut *mut ErrorHandle,
    ) -> *mut TrackHandle;
    fn rtpx_track_record(
        track: *mut TrackHandle,
        rid_index: u32,
        packet: *const c_void,
        size: usize,
        info: *const c_void,
    ) -> c_int;
    fn rtpx_track_free(track: *mut TrackHandle);
    fn rtpx_convert(
        recording: *const c_char,
        options: *const ConvertOptions,
        error: *mut *mut ErrorHandle,
    ) -> *mut c_char;
}

type Outcome<T> = Result<T, String>;

fn c_text(text: &str) -> Outcome<CString> {
    CString::new(text).map_err(|_| "a text holds a NUL".to_string())
}

/// What a call left in its last argument.
fn failure(error: *mut ErrorHandle) -> String {
    if error.is_null() {
        return "out of memory".to_string();
    }
    // SAFETY: the message lives as long as the error, which is ours to free.
    unsafe {
        let message = CStr::from_ptr(rtpx_error_message(error)).to_string_lossy().into_owned();
        rtpx_error_free(error);
        message
    }
}

fn owned(text: *mut c_char, error: *mut ErrorHandle) -> Outcome<String> {
    if text.is_null() {
        return Err(failure(error));
    }
    // SAFETY: text that the library returned ends in NUL and is ours to free.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        rtpx_free(text.cast());
        Ok(copy)
    }
}

struct Recorder(*mut RecorderHandle);
// SAFETY: every function of a recorder may be called on any thread.
unsafe impl Send for Recorder {}
unsafe impl Sync for Recorder {}

impl Recorder {
    fn start(base_dir: &str) -> Outcome<Self> {
        let base_dir = c_text(base_dir)?;
        let options = RecorderOptions { size: std::mem::size_of::<RecorderOptions>(), base_dir: base_dir.as_ptr() };
        let mut error = ptr::null_mut();
        // SAFETY: the options outlive the call.
        let recorder = unsafe { rtpx_recorder_start(&options, &mut error) };
        if recorder.is_null() { Err(failure(error)) } else { Ok(Recorder(recorder)) }
    }

    fn folder(&self) -> Outcome<String> {
        // SAFETY: the recorder is open as long as self lives.
        owned(unsafe { rtpx_recorder_folder(self.0) }, ptr::null_mut())
    }

    fn add_tracks(&self, json: &str) -> Outcome<String> {
        let json = c_text(json)?;
        let mut error = ptr::null_mut();
        // SAFETY: as above.
        let manifest = unsafe { rtpx_recorder_add_tracks_json(self.0, json.as_ptr(), &mut error) };
        owned(manifest, error)
    }

    fn track(&self, id: &str) -> Outcome<Track> {
        let id = c_text(id)?;
        let mut error = ptr::null_mut();
        // SAFETY: as above.
        let track = unsafe { rtpx_recorder_track(self.0, id.as_ptr(), &mut error) };
        if track.is_null() { Err(failure(error)) } else { Ok(Track(track)) }
    }
}

impl Drop for Recorder {
    /// Ends all tracks and waits until they are on disk.
    fn drop(&mut self) {
        unsafe { rtpx_recorder_free(self.0) }
    }
}

/// May outlive its recorder: then nothing is recorded.
struct Track(*mut TrackHandle);
// SAFETY: as of the recorder.
unsafe impl Send for Track {}
unsafe impl Sync for Track {}

impl Track {
    /// Copies the packet and never waits. True: it was accepted; else the recorder counts it.
    fn record(&self, rid_index: u8, packet: &[u8]) -> bool {
        // SAFETY: the packet is copied during the call.
        unsafe { rtpx_track_record(self.0, rid_index.into(), packet.as_ptr().cast(), packet.len(), ptr::null()) == 0 }
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        unsafe { rtpx_track_free(self.0) }
    }
}

fn convert(recording: &str, output: &str) -> Outcome<String> {
    let (recording, output) = (c_text(recording)?, c_text(output)?);
    let options = ConvertOptions { size: std::mem::size_of::<ConvertOptions>(), output_path: output.as_ptr() };
    let mut error = ptr::null_mut();
    // SAFETY: the options outlive the call.
    let result = unsafe { rtpx_convert(recording.as_ptr(), &options, &mut error) };
    owned(result, error)
}

/// The next frame; None at the end of the input.
fn next_frame(input: &mut impl Read) -> Outcome<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if input.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > 1 << 20 {
        return Err("a frame is larger than 1 MiB".to_string());
    }
    let mut frame = vec![0; length];
    input.read_exact(&mut frame).map_err(|error| error.to_string())?;
    Ok(Some(frame))
}

/// The ids of a JSON array of tracks, in order: all that is needed of it here.
fn ids(json: &str) -> Vec<String> {
    json.split("\"id\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(1).map(str::to_string))
        .collect()
}

fn run(base_dir: &str) -> Outcome<String> {
    let recorder = Recorder::start(base_dir)?;
    let mut tracks: Vec<Track> = Vec::new();
    let mut input = io::stdin().lock();
    let mut refused = 0;
    while let Some(frame) = next_frame(&mut input)? {
        match frame.first() {
            Some(b'T') => {
                let json = String::from_utf8_lossy(&frame[1..]).into_owned();
                recorder.add_tracks(&json)?;
                for id in ids(&json) {
                    tracks.push(recorder.track(&id)?);
                }
            }
            // Kind, track, rid index, arrival, packet.
            Some(b'P') if frame.len() > 12 => {
                let number = usize::from(u16::from_be_bytes([frame[1], frame[2]]));
                match tracks.get(number) {
                    Some(track) if track.record(frame[3], &frame[12..]) => {}
                    _ => refused += 1,
                }
            }
            _ => {}
        }
    }
    if refused > 0 {
        eprintln!("{refused} packets were not recorded");
    }
    let folder = recorder.folder()?;
    drop(recorder);
    convert(&folder, &format!("{folder}/videos"))
}

fn main() {
    let base_dir = env::args().nth(1).unwrap_or_else(|| "recordings".to_string());
    match run(&base_dir) {
        Ok(result) => println!("{result}"),
        Err(message) => {
            eprintln!("record: {message}");
            process::exit(1);
        }
    }
}
