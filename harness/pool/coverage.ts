// SPDX-License-Identifier: MIT
/** What the modules of a kernel's guests have counted. */

/** The counters of a module's object. */
export interface DataFile {
  /** Where gcov would look for it: where the object was compiled. */
  readonly name: string
  /** As gcov reads them (.gcda). */
  readonly data: Buffer
}

/** Of a guest of a test file. */
export interface CountedFile {
  /** The test file's name. */
  readonly file: string
  readonly data: readonly DataFile[]
}

export class Coverage {
  readonly counted: CountedFile[] = []
  /** The test files whose guests were lost, with what was counted in them. */
  readonly lost = new Set<string>()

  /** @param content of /proc/netlink_vmtest_coverage */
  add(file: string, content: Uint8Array): void {
    this.counted.push({ file, data: dataFiles(Buffer.from(content)) })
  }
}

/** Before each are the lengths of its name and of itself, and its name. */
export function dataFiles(content: Buffer): DataFile[] {
  const files: DataFile[] = []
  for (let at = 0; at + 8 <= content.length; ) {
    const begin = at + 8 + content.readUInt32LE(at)
    const end = begin + content.readUInt32LE(at + 4)
    files.push({ name: content.toString('utf8', at + 8, begin), data: content.subarray(begin, end) })
    at = end
  }
  return files.filter(({ data }) => data.length > 0)
}
