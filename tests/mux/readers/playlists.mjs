// Playlists over the files of write_reader_files, whose own indexes say where their segments lie.

/** [[type, from, until]] of the boxes of an MP4 file. */
function boxesOf(bytes) {
  const boxes = [];
  for (let at = 0; at + 8 <= bytes.length;) {
    const size = bytes.readUInt32BE(at);
    boxes.push([bytes.toString('latin1', at + 4, at + 8), at, at + size]);
    at += size;
  }
  return boxes;
}

/** The same of the elements of a WebM file's segment, by their ids in hexadecimal. */
function elementsOf(bytes) {
  const number = (at, marked) => {
    const length = Math.clz32(bytes[at]) - 23;
    let value = marked ? bytes[at] : bytes[at] & (0xff >> length);
    for (let i = 1; i < length; i += 1) value = value * 256 + bytes[at + i];
    return [value, at + length];
  };
  const elements = [];
  for (let at = 0; at < bytes.length;) {
    const [id, sized] = number(at, true);
    const [size, content] = number(sized, false);
    elements.push([id.toString(16), at, content + size]);
    at = id === 0x18538067 ? content : content + size; // into the segment
  }
  return elements;
}

/** Of a file of fragments. */
export function hlsOf(name, bytes) {
  const [, index, after] = boxesOf(bytes).find(([type]) => type === 'sidx');
  const timescale = bytes.readUInt32BE(index + 16);
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:10', '#EXT-X-PLAYLIST-TYPE:VOD', `#EXT-X-MAP:URI="${name}",BYTERANGE="${index}@0"`];
  let at = after + Number(bytes.readBigUInt64BE(index + 28));
  for (let entry = index + 40; entry < after; entry += 12) {
    const size = bytes.readUInt32BE(entry);
    lines.push(`#EXTINF:${bytes.readUInt32BE(entry + 4) / timescale},`, `#EXT-X-BYTERANGE:${size}@${at}`, name);
    at += size;
  }
  return [...lines, '#EXT-X-ENDLIST', ''].join('\n');
}

/** Of files: [{ name, bytes, type }], each with a type as browsers are asked for it. */
export function dashOf(files, duration) {
  const sets = files.map(({ name, bytes, type }, id) => {
    const [, from, until] = name.endsWith('.webm') ? elementsOf(bytes).find(([element]) => element === '1c53bb6b') : boxesOf(bytes).find(([box]) => box === 'sidx');
    const [, mime, codecs] = /^(.*); codecs="(.*)"$/.exec(type);
    return `<AdaptationSet mimeType="${mime}" codecs="${codecs}"><Representation id="${id}" bandwidth="1000000"><BaseURL>${name}</BaseURL>`
      + `<SegmentBase indexRange="${from}-${until - 1}"><Initialization range="0-${from - 1}"/></SegmentBase></Representation></AdaptationSet>`;
  });
  return '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" '
    + `minBufferTime="PT2S" mediaPresentationDuration="PT${duration}S"><Period>${sets.join('')}</Period></MPD>`;
}
