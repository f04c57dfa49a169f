// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { commandName } from '../base/own-folder.ts'
import { longestTimer } from '../base/timers.ts'

/**
 * What happens with one of Vitest's options:
 * - `run`: Vitest's own process handles it, and passes on what belongs to the kernels' projects
 * - `kernel`: a setting of each kernel's project, which Vitest's command line does not set by itself
 * - `worker`: a test worker reads it once in its life, so templates are made with it
 * - `coverage`: it is about what tests reach of the modules, which is ours
 * - `refused`: it is not supported, nor are the options below it, and why
 * - `group`: a prefix of other options, with one of them as an example
 */
export type Decision =
  | { readonly takenBy: Taker; readonly value: v.GenericSchema }
  | { readonly refused: string }
  | { readonly group: string }
export type Taker = 'run' | 'kernel' | 'worker' | 'coverage'

const flag = v.boolean('it takes no value')
const text = v.pipe(v.union([v.string(), v.number()], 'it takes a text'), v.transform(String), v.minLength(1))
const texts = v.array(text)
/** Vitest has made a RegExp of a text, and its parser a number of digits. */
const pattern = v.union([
  v.instance(RegExp),
  v.pipe(
    v.number(),
    v.transform(digits => new RegExp(String(digits))),
  ),
])
const count = v.pipe(
  v.number('it takes a number'),
  v.safeInteger('it takes a whole number'),
  v.minValue(0, 'it must not be negative'),
)
const atLeastOne = v.pipe(count, v.minValue(1, 'it must be at least 1'))
const numberOrShare = 'it takes a number from 1, or a percentage'
const milliseconds = v.pipe(
  v.number('it takes milliseconds'),
  v.minValue(0, 'it must not be negative'),
  v.maxValue(longestTimer, `no timer can be set for more than ${longestTimer} ms`),
)
const oneOf = (...names: readonly string[]) => v.picklist(names, `it is one of ${names.join(', ')}`)
const flagOr = (...names: readonly string[]) =>
  v.union([v.boolean(), v.picklist(names)], `it takes no value, or =${names.join(', =')}`)

const run = (value: v.GenericSchema): Decision => ({ takenBy: 'run', value })
const kernel = (value: v.GenericSchema): Decision => ({ takenBy: 'kernel', value })
const worker = (value: v.GenericSchema): Decision => ({ takenBy: 'worker', value })
const coverage = (value: v.GenericSchema): Decision => ({ takenBy: 'coverage', value })
const refused = (why: string): Decision => ({ refused: why })

const inGuests = refused('tests run in guests, in node')
const configuration = refused('settings are in netlink-vmtest.config.ts')
const noPage = refused('there is no page to show')
const noDebugger = refused('no debugger reaches a guest')
const noCode = refused('transformed code goes through a port of the guest, and not through files')
const noTags = refused('netlink-vmtest.config.ts has no tags; -t chooses tests by their names')
const noRecords = refused('records of what files import know nothing of kernel modules; --changed asks git')
const group = (example: string): Decision => ({ group: example })

/**
 * Every option of Vitest's command line (vitest 5.1.1, as `createCLI` lists them), by its name there.
 * Those below one that is refused are refused with it: `coverage.include` with `coverage`.
 */
export const decisions: Readonly<Record<string, Decision>> = {
  allowOnly: run(flag),
  api: noPage,
  attachmentsDir: run(text),
  bail: run(count),
  browser: inGuests,
  cache: run(flag),
  changed: run(v.union([v.boolean(), text])),
  clearCache: refused('it runs nothing'),
  clearScreen: run(flag),
  color: run(flag),
  config: configuration,
  configLoader: configuration,
  coverage: coverage(flag),
  'coverage.enabled': coverage(flag),
  'coverage.reporter': coverage(texts),
  'coverage.reportsDirectory': coverage(text),
  'coverage.thresholds.branches': coverage(v.number('it takes a number')),
  'coverage.thresholds.functions': coverage(v.number('it takes a number')),
  'coverage.thresholds.lines': coverage(v.number('it takes a number')),
  'coverage.thresholds.statements': coverage(v.number('it takes a number')),
  dangerouslyIgnoreUnhandledErrors: refused('an error outside of tests may be a file that did not run'),
  detectAsyncLeaks: run(flag),
  diff: kernel(text),
  'diff.aAnnotation': kernel(text),
  'diff.aIndicator': kernel(text),
  'diff.bAnnotation': kernel(text),
  'diff.bIndicator': kernel(text),
  'diff.commonIndicator': kernel(text),
  'diff.contextLines': kernel(count),
  'diff.emptyFirstOrLastLinePlaceholder': kernel(text),
  'diff.expand': kernel(flag),
  'diff.includeChangeCounts': kernel(flag),
  'diff.maxDepth': kernel(count),
  'diff.omitAnnotationLines': kernel(flag),
  'diff.printBasicPrototype': kernel(flag),
  'diff.truncateAnnotation': kernel(text),
  'diff.truncateThreshold': kernel(count),
  dir: kernel(text),
  disableConsoleIntercept: worker(flag),
  dom: inGuests,
  environment: inGuests,
  exclude: kernel(texts),
  execArgv: worker(texts),
  expandSnapshotDiff: run(flag),
  expect: group('--expect.requireAssertions'),
  'expect.poll': group('--expect.poll.timeout'),
  'expect.poll.interval': kernel(milliseconds),
  'expect.poll.timeout': kernel(milliseconds),
  'expect.requireAssertions': kernel(flag),
  experimental: group('--experimental.importDurations'),
  'experimental.diagnostics': refused('its hints are about workers on this machine'),
  'experimental.importDurations': group('--experimental.importDurations.print'),
  'experimental.importDurations.failOnDanger': run(flag),
  'experimental.importDurations.limit': run(count),
  'experimental.importDurations.print': run(flagOr('on-warn')),
  'experimental.importDurations.thresholds': group('--experimental.importDurations.thresholds.warn'),
  'experimental.importDurations.thresholds.danger': run(milliseconds),
  'experimental.importDurations.thresholds.warn': run(milliseconds),
  'experimental.nodeLoader': inGuests,
  'experimental.preParse': refused('files are parsed in guests'),
  'experimental.recordDependencies': noRecords,
  'experimental.traceTimeline': run(flag),
  'experimental.vcsProvider': noRecords,
  'experimental.viteModuleRunner': inGuests,
  fileParallelism: run(flag),
  fsModuleCache: noCode,
  fsModuleCachePath: noCode,
  globals: worker(flag),
  help: refused(`${commandName} run --help lists ours`),
  hideSkippedTests: run(flag),
  hookTimeout: kernel(milliseconds),
  includeTaskLocation: run(flag),
  injectCjsGlobals: kernel(flag),
  inspect: noDebugger,
  inspectBrk: noDebugger,
  isolate: run(flag),
  lastFailed: run(flag),
  listTags: noTags,
  logHeapUsage: run(flag),
  maxConcurrency: worker(atLeastOne),
  maxWorkers: run(v.union([atLeastOne, v.pipe(v.string(), v.regex(/^\d+%$/, numberOrShare))], numberOrShare)),
  mergeReports: refused(`${commandName} merge DIR makes one report of blobs, with the kernels`),
  mode: run(text),
  open: noPage,
  outputFile: run(text),
  passWithNoTests: run(flag),
  pool: refused('tests run in guests'),
  printConsoleTrace: run(flag),
  project: refused('a project is a kernel; choose with --kernel'),
  repeats: run(count),
  reporter: run(texts),
  retry: run(count),
  'retry.condition': run(pattern),
  'retry.count': run(count),
  'retry.delay': run(milliseconds),
  root: refused('the project is the folder of netlink-vmtest.config.ts'),
  run: run(flag),
  sequence: group('--sequence.shuffle'),
  'sequence.concurrent': run(flag),
  'sequence.hooks': run(oneOf('stack', 'list', 'parallel')),
  'sequence.seed': run(count),
  'sequence.setupFiles': refused('there are no setup files'),
  'sequence.shuffle': run(flag),
  'sequence.shuffle.files': run(flag),
  'sequence.shuffle.tests': run(flag),
  shard: run(text),
  sharedViteServer: refused('each kernel has a server of its own'),
  silent: run(flagOr('passed-only')),
  sinceLastRun: noRecords,
  slowTestThreshold: run(milliseconds),
  standalone: refused('there is nothing to run then'),
  strictTags: kernel(flag),
  tagsFilter: noTags,
  teardownTimeout: run(milliseconds),
  testNamePattern: run(text),
  testTimeout: kernel(milliseconds),
  typecheck: refused('tests run in guests; run the compiler by itself'),
  ui: noPage,
  update: run(flagOr('all', 'new', 'none')),
  version: refused('it runs nothing: --version alone is ours, and npm ls vitest names that of Vitest'),
  vmMemoryLimit: inGuests,
  watch: run(flag),
}

/** Settings of Vitest that have an option only here, such as `env`. */
export const additions: Readonly<Record<string, Decision>> = {
  chaiConfig: group('--chaiConfig.truncateThreshold'),
  'chaiConfig.includeStack': kernel(flag),
  'chaiConfig.showDiff': kernel(flag),
  'chaiConfig.truncateThreshold': kernel(count),
  clearMocks: kernel(flag),
  mockReset: kernel(flag),
  restoreMocks: kernel(flag),
  unstubEnvs: kernel(flag),
  unstubGlobals: kernel(flag),
}

/** What is said of the undecided ones below an option that is taken. */
const others: Readonly<Record<string, Decision>> = {
  coverage: refused(
    'the modules under test are counted, by gcc, all of them, and no TypeScript is (thresholds are --coverage.thresholds.lines=80, or of branches, functions, statements)',
  ),
}

/** Options with user-chosen names below them: `--outputFile.junit`. */
const named = new Set(['outputFile'])

/** The decision on an option or on its group; undefined if there is none. */
export function decisionOn(name: string): Decision | undefined {
  const all = { ...decisions, ...additions }
  if (Object.hasOwn(all, name)) return all[name]
  for (let end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
    const above = name.slice(0, end)
    const decision = decisions[above]
    if (decision && ('refused' in decision || named.has(above))) return decision
    if (others[above]) return others[above]
  }
  return undefined
}
