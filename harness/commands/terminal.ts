// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'

/** Milliseconds between two checks in the background: a shell's `fg` sends no signal to a running job. */
const LOOK = 250

/**
 * Follows whether this process is in its terminal's foreground. Reading the terminal or setting its modes in
 * the background stops the whole process group (SIGTTIN, SIGTTOU), QEMU too.
 * @param listener called at once, at each change, and also when the process continues in the foreground after
 *   a stop: the shell may have set the terminal meanwhile
 * @returns a function that ends it
 */
export function followForeground(listener: (isForeground: boolean) => void): () => void {
  let before: boolean | undefined
  const look = (hasContinued: boolean) => {
    const now = isForeground(readFileSync('/proc/self/stat', 'utf8'))
    if (now !== before || (now && hasContinued)) listener(now)
    before = now
  }
  const onContinue = () => look(true)
  process.on('SIGCONT', onContinue)
  const looks = setInterval(() => before || look(false), LOOK)
  look(false)
  return () => {
    clearInterval(looks)
    process.off('SIGCONT', onContinue)
  }
}

/**
 * @param stat the text of proc(5)'s stat: fields 5 (process group) and 8 (that of the terminal's foreground,
 *   -1 without one)
 */
export function isForeground(stat: string): boolean {
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(') ') + 2).split(' ')
  return foreground === '-1' || foreground === group
}
