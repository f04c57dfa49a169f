import path from 'node:path'

/** What make itself says: progress and the failing of targets. Its own errors (`*** No rule to make ...`) are kept. */
const noise = [
  /^make(\[\d+\])?: (Entering|Leaving) directory/,
  /^make(\[\d+\])?: \*\*\* \[.*\] Error \d+$/,
  /^make(\[\d+\])?: \*\*\* Waiting for unfinished jobs/,
  /^make(\[\d+\])?: Target '.*' not remade because of errors/,
  /^ {2}(CC|LD|AS|MODPOST|BTF|CALL|DESCEND|GEN|HOSTCC|CHK|UPD|SYNC)\b/,
  // Of another version than the kernel's own: known to work. pahole is not even called, for BTF is switched off.
  /^warning: (the compiler|pahole version) differs from the one used to build the kernel$/,
  /^ {2}(The kernel was built (by|with):|You are using:)/,
  /^Skipping BTF generation/,
  /^\s*$/,
]

/**
 * The compiler's and modpost's own lines in make's output, with the paths of the user's sources in them rather than
 * those of the copy that was compiled.
 */
export function compilerLines(
  output: string,
  { work, sources, shownAs }: { work: string; sources: readonly string[]; shownAs: string },
): string[] {
  const known = new Set(sources)
  return output
    .split('\n')
    .filter(line => !noise.some(it => it.test(line)))
    .map(line => {
      const absolute = line.replaceAll(`${work}/`, `${shownAs}/`).replaceAll(work, shownAs)
      if (absolute !== line) return absolute
      // From 6.13 make changes into the folder, and gcc is given paths below it.
      const [, lead = '', file = ''] = /^(In file included from | {17}from )?([^\s:]+):\d+/.exec(line) ?? []
      return known.has(file)
        ? `${lead}${path.join(shownAs, file)}${line.slice(lead.length + file.length)}`
        : line
    })
}
