/** Text in UTF-8 from `start` up to the first NUL, or to `end` where there is none. */
export function readText(buffer: Buffer, start: number, end: number): string {
  // short texts, as names are: cheaper by hand than by a search through what may be a large buffer
  let stop = start
  let ascii = 0
  while (stop < end) {
    const byte = buffer[stop]
    if (byte === undefined || byte === 0) break
    ascii |= byte
    stop++
  }
  return buffer.toString(ascii < 0x80 ? 'latin1' : 'utf8', start, stop)
}

/** Bytes as hexadecimal words of four, for diffs, snapshots and JSON: on one line, beside the name of what they are. */
export function hexWords(bytes: Buffer): string {
  return bytes.toString('hex').replace(/.{8}(?=.)/g, '$& ')
}
