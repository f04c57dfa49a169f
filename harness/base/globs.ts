// SPDX-License-Identifier: MIT
/** A glob that matches this path alone. */
export function literally(file: string): string {
  return file.replace(/[\\()[\]{}!*?+@|]/g, '\\$&')
}
