// SPDX-License-Identifier: MIT
/**
 * What the kernel logs at the first load of such a module in a guest alone: that is in the time of the test which
 * comes first, so that it is the file's.
 */
import type { RecordedFile, RecordedTest } from './recorded.ts'

/** add_taint(), kernel/module/main.c */
const once =
  /^(?:Disabling lock debugging due to kernel taint|(\S+): (?:loading (?:out-of-tree|test) module taints kernel\.|module license '.*' taints kernel\.|module verification failed: .* tainting kernel))$/

/** A test without what its guest logs once. */
export function withoutFirstLoad<T extends Pick<RecordedTest, 'log' | 'logLevels'>>(test: T): T {
  const { log, logLevels } = test
  if (!log?.some(line => once.test(line))) return test
  const isKept = log.map(line => !once.test(line))
  const isLevelled = logLevels?.length === log.length
  return {
    ...test,
    log: log.filter((_, at) => isKept[at]),
    ...(isLevelled ? { logLevels: logLevels.filter((_, at) => isKept[at]) } : {}),
  }
}

/** A line that one side's file has, in a test that the other one has, too. */
export interface FirstLoadChange {
  readonly line: string
  readonly test: string
}

/** What of that only one side logs, under whatever module's name. */
export function firstLoadChanges(
  base: RecordedFile,
  head: RecordedFile,
): { readonly gone: FirstLoadChange[]; readonly come: FirstLoadChange[] } {
  return { gone: onlyIn(base, head), come: onlyIn(head, base) }
}

function onlyIn({ tests }: RecordedFile, other: RecordedFile): FirstLoadChange[] {
  // What a test does not tell may have been there.
  if (other.tests.some(({ name, log }) => name !== '' && log === undefined)) return []
  const known = new Set(other.tests.flatMap(({ log = [] }) => log.map(nameless)))
  const alike = new Map(other.tests.map(({ name, state }) => [name, state]))
  return tests.flatMap(({ name, state, log = [] }) =>
    alike.get(name) === state
      ? log.flatMap(line => (once.test(line) && !known.has(nameless(line)) ? [{ line, test: name }] : []))
      : [],
  )
}

/** Without the name of the module that a first load is of. */
function nameless(line: string): string {
  const [, name = ''] = once.exec(line) ?? []
  return line.slice(name.length)
}
