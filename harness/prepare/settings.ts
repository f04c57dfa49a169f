// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { UsageError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { longestTimer } from '../base/timers.ts'
import { kernelParameter } from '../qemu/parameters.ts'
import { type KindName, kindNames } from '../verdict/kinds.ts'

const positive = (what: string) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(1, `${what} must be at least 1`))
/**
 * A time limit in units of so many milliseconds. Node fires a timer that is too long at once, so it is
 * refused.
 */
const timeLimit = (what: string, unit = 1) => {
  const longest = Math.floor(longestTimer / unit)
  return v.pipe(
    positive(what),
    v.maxValue(longest, `${what} must be at most ${longest}: no timer goes further`),
  )
}

const parameter = v.pipe(
  v.string(),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const made = kernelParameter(value)
    if ('text' in made) return made.text
    addIssue({ message: `${JSON.stringify(value)} cannot be passed to a kernel: ${made.refused}` })
    return NEVER
  }),
)

/** MiB that guests of Debian's kernels need: with less the kernel cannot unpack its initramfs. */
export const leastMemory = 416

/** Variables with names that make and a shell accept. */
const variables = v.record(
  v.pipe(v.string(), v.regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable')),
  v.string(),
)

/** A folder of modules: its path, or an object with what its build needs besides. */
const moduleFolder = v.union([
  v.string(),
  v.strictObject({
    /** The folder whose Kbuild or Makefile lists the modules. */
    dir: v.string(),
    /**
     * Files and folders outside of it that its build reads, relative to the project's folder:
     * `['include', '../common']`.
     */
    sources: v.optional(v.array(v.string())),
    /**
     * A shell command to run before make in the built copy, with KERNELDIR and the like set: './configure'.
     */
    prepare: v.optional(v.string()),
    /**
     * A target of the folder's own Makefile, which calls the kernel's build itself. Default: kbuild's own
     * `modules`.
     */
    target: v.optional(v.string()),
    /** Variables on make's command line: `{ CONFIG_FOO: 'm' }`. */
    make: v.optional(variables),
    /** Environment variables; of the caller's, a build gets only PATH and TMPDIR. */
    env: v.optional(variables),
    /** Parameters of its modules, by name, whenever they are loaded: `{ nlexample: 'depth=4' }`. */
    parameters: v.optional(v.record(v.string(), v.string())),
  }),
])

/** A kind of the kernel's reports, by its name in any case. */
const reportKind = v.pipe(
  v.string() as v.GenericSchema<KindName | Lowercase<KindName>>,
  v.check(
    name => kindNames.some(each => each.toLowerCase() === name.toLowerCase()),
    ({ received }) => {
      const name = JSON.parse(received)
      const likely = nearest(name, kindNames)
      return `no report is of the kind ${name}: ${likely ? `did you mean ${likely}?` : `choose one of ${kindNames.join(', ')}`}`
    },
  ),
)

/** A module of the kernel: its name, or an object for one that not all kernels have. */
const treeModule = v.union([
  v.string(),
  v.strictObject({ name: v.string(), optional: v.optional(v.boolean(), false) }),
])

/** Per cent that must be covered; a negative number is how many may be uncovered. */
const threshold = v.optional(v.pipe(v.number(), v.maxValue(100, 'must be at most 100')))

/** Istanbul's reports, of which Vitest's coverage has the same names. */
export const coverageReporters = [
  ...[
    'text',
    'text-summary',
    'html',
    'html-spa',
    'lcov',
    'lcovonly',
    'cobertura',
    'clover',
    'json',
    'json-summary',
  ],
  'teamcity',
] as const

/** The schema of the configuration. */
export const settingsSchema = v.strictObject({
  /**
   * Labels of the kernels to run if the command line names none. Default: that of this machine's Debian
   * release.
   */
  kernels: v.optional(v.array(v.string())),
  /** Labels of the kernels of `--matrix`. */
  matrix: v.optional(v.array(v.string()), ['debian-5.10', 'debian-6.1', 'debian-7.3', 'minimal-6.12']),
  /** Globs of test files, relative to the project's folder. */
  suites: v.optional(v.array(v.string()), ['suites/**/*.test.ts']),
  /**
   * Globs of files and folders that tests read, relative to the project's folder; guests have them at the same
   * paths. What lies beside a test file, or a module that it imports, comes by itself (8 MB a folder).
   */
  files: v.optional(v.array(v.string()), []),
  /**
   * The folder of the modules under test, relative to the project's folder, or several in the order of
   * building. Default: none, or in a checkout of netlink-vmtest its example modules.
   */
  modules: v.optional(v.union([moduleFolder, v.array(moduleFolder)])),
  /**
   * Programs of the kernel's own tests (tools/testing/selftests), built from each kernel's source for
   * `kselftest()` of suites: `['net/netlink-dumps']`.
   */
  kselftests: v.optional(v.array(v.string()), []),
  /** The address of a mirror of Debian's archive. Default: the one that this machine's apt uses. */
  mirror: v.optional(v.string()),
  vm: v.optional(
    v.strictObject({
      /** MiB of memory. */
      memory: v.optional(
        v.pipe(
          v.number(),
          v.integer(),
          v.minValue(leastMemory, `vm.memory must be at least ${leastMemory} (MiB)`),
        ),
        512,
      ),
      /** Processors: QEMU's machine `pc` has 255 at most. */
      cpus: v.optional(v.pipe(positive('vm.cpus'), v.maxValue(255, 'vm.cpus must be at most 255')), 1),
      /** 'auto' tries KVM and falls back to software emulation. */
      accelerator: v.optional(v.picklist(['auto', 'kvm', 'tcg']), 'auto'),
      /**
       * What has a guest of its own: each test file, or each test, for tests that taint or crash the kernel.
       */
      isolate: v.optional(v.picklist(['file', 'test']), 'file'),
      /**
       * Whether guests are forked from one that was restored and warmed, which software emulation allows: 'auto'
       * where a run takes enough guests for that to pay, true always.
       */
      fork: v.optional(v.union([v.literal('auto'), v.boolean()]), 'auto'),
      /** Seconds for a guest to boot. */
      bootLimit: v.optional(timeLimit('vm.bootLimit', 1000), 60),
      /** Kernel parameters beside those that guests need: `slub_debug=FZP`, `dyndbg=file nlexample.c +p`. */
      parameters: v.optional(v.array(parameter), []),
      /** Whether the memory of a guest whose kernel panics or freezes is kept in the evidence, for crash and drgn. */
      dump: v.optional(v.boolean(), false),
      /**
       * Whether a kernel that reports something (WARN, KASAN ...) during boot is refused, or used all the
       * same.
       */
      bootSplats: v.optional(v.picklist(['fail', 'ignore']), 'fail'),
    }),
    {},
  ),
  /**
   * Additions to every guest, which has netlink's usual modules (veth, dummy, nlmon ...) and `ip` of
   * iproute2.
   */
  image: v.optional(
    v.strictObject({
      /**
       * In-tree modules with their dependencies, for `modprobe` and for the kernel's own requests. One that no
       * kernel of a run has is an error, unless it is optional.
       */
      modules: v.optional(v.array(treeModule), []),
      /**
       * Programs of this machine with their libraries, by name or as paths relative to the project's folder.
       * Each guest gets them as they are then: an edited one needs no new image or template.
       */
      programs: v.optional(v.array(v.string()), []),
    }),
    {},
  ),
  /**
   * Reports of the kernel that are lived with: they fail no test, and are counted at a run's end. Those that a
   * test provokes belong into the test: expectSplat().
   */
  knownReports: v.optional(
    v.array(
      v.pipe(
        v.strictObject({
          /** Its kind, as failures show it: 'WARN'. Default: any. */
          kind: v.optional(reportKind),
          /** What a line of it contains, or a pattern for its text. Default: any. */
          text: v.optional(
            v.union([v.pipe(v.string(), v.minLength(1, 'must not be empty')), v.instance(RegExp)]),
          ),
          /** Why it is lived with, which is shown with it. */
          reason: v.pipe(v.string(), v.minLength(1, 'must say why the report is lived with')),
        }),
        v.check(
          ({ kind, text }) => kind !== undefined || text !== undefined,
          'needs a kind, a text, or both',
        ),
      ),
    ),
    [],
  ),
  /** What `--coverage` does. */
  coverage: v.optional(
    v.strictObject({
      /** Whether runs count which lines of the modules run, also without `--coverage`. */
      enabled: v.optional(v.boolean(), false),
      /** Reports: 'text' is the table, 'lcovonly' lcov.info, 'cobertura' what GitLab reads. */
      reporter: v.optional(v.array(v.picklist(coverageReporters)), ['text', 'html', 'lcovonly', 'cobertura']),
      /** The folder of the reports, relative to the project's folder. */
      reportsDirectory: v.optional(v.string(), 'coverage'),
      /** A run fails below these. */
      thresholds: v.optional(
        v.strictObject({
          lines: threshold,
          branches: threshold,
          functions: threshold,
          statements: threshold,
        }),
        {},
      ),
    }),
    {},
  ),
  /** Limits of the cache for templates, images and modules: days since their last use, and GB in all. */
  cache: v.optional(
    v.strictObject({
      days: v.optional(v.pipe(v.number(), v.minValue(0, 'cache.days must not be negative')), 30),
      gigabytes: v.optional(v.pipe(v.number(), v.minValue(0, 'cache.gigabytes must not be negative')), 10),
    }),
    {},
  ),
  /**
   * Milliseconds for a test: more than Vitest's default, because software emulation is slow, and several
   * times as many on kernels with sanitizers (kernel/needs.ts).
   */
  testTimeout: v.optional(timeLimit('testTimeout'), 30_000),
  /** Milliseconds for a test file, from the moment that it has its guest. */
  fileTimeout: v.optional(timeLimit('fileTimeout'), 600_000),
  /** Milliseconds for all files of a kernel. Default: no limit. */
  runTimeout: v.optional(timeLimit('runTimeout')),
})

/** A project's configuration, with defaults filled in. */
export type Settings = v.InferOutput<typeof settingsSchema>
/** What a project writes: every part is optional. */
export type UserSettings = v.InferInput<typeof settingsSchema>

export const settingsFile = 'netlink-vmtest.config.ts'

/** What makes settings, perhaps later. */
export type SettingsFunction = () => UserSettings | Promise<UserSettings>

/** For `netlink-vmtest.config.ts`: returns what makes settings, perhaps later, unchanged, and gives it its type. */
export function defineConfig(settings: SettingsFunction): SettingsFunction
/** The same for a promise of settings. */
export function defineConfig(settings: Promise<UserSettings>): Promise<UserSettings>
// The last one is the one that errors are about.
/** The same for settings. */
export function defineConfig(settings: UserSettings): UserSettings
export function defineConfig<T>(settings: T): T {
  return settings
}

/** A setting is unknown or wrong. */
export class SettingsError extends UsageError {
  /** The keys that lead to the setting; empty for the whole. */
  readonly path: readonly string[]
  /** What is wrong, with the setting's name. */
  readonly fault: string

  constructor(path: readonly string[], why: string) {
    const fault = path.length > 0 ? `${path.join('.')}: ${why}` : why
    super(`${settingsFile}: ${fault}`)
    this.path = path
    this.fault = fault
  }

  /** The same error with a place in the file. */
  at(line: number, column: number): UsageError {
    return new UsageError(`${settingsFile}:${line}:${column}: ${this.fault}`)
  }
}

/** Fills in the defaults. @throws SettingsError for unknown or wrong settings */
export function checkSettings(settings: unknown): Settings {
  if (Array.isArray(settings) || typeof settings !== 'object' || settings === null) {
    const given = Array.isArray(settings) ? 'a list' : settings == null ? 'nothing' : `a ${typeof settings}`
    throw new SettingsError(
      [],
      `its default export must be an object, not ${given}: export default defineConfig({ ... })`,
    )
  }
  const result = v.safeParse(settingsSchema, settings)
  if (result.success) return result.output
  const [{ issue, path } = innermost(result.issues[0])] = result.issues
    .map(each => innermost(each))
    .sort(unknownKeysFirst)
  throw new SettingsError(path, reason(issue, path))
}

type Issue = v.BaseIssue<unknown>
/** An issue and the path of keys to it. */
type Located = { readonly issue: Issue; readonly path: readonly string[] }

/** For a union, the issue of the option that was most likely meant: the one with the most right parts. */
function innermost(issue: Issue, above: readonly string[] = []): Located {
  const path = [...above, ...(issue.path ?? []).map(({ key }) => String(key))]
  const deeper = (issue.issues ?? []).map(each => innermost(each, path))
  const [deepest] = deeper.sort((a, b) => b.path.length - a.path.length || unknownKeysFirst(a, b))
  return deepest && deepest.path.length > path.length ? deepest : { issue, path }
}

/** A mistyped key is the cause, and a missing one the effect. */
function unknownKeysFirst(a: Located, b: Located): number {
  return Number(isUnknownKey(b.issue)) - Number(isUnknownKey(a.issue))
}

function isUnknownKey({ type, expected }: Issue): boolean {
  return type === 'strict_object' && expected === 'never'
}

function reason(issue: Issue, path: readonly string[]): string {
  if (!isUnknownKey(issue)) return issue.message
  const needless = path[0] === 'modules' ? needlessKeys[path.at(-1) ?? ''] : undefined
  if (needless !== undefined) return needless
  const known = knownKeys(path.slice(0, -1))
  const likely = nearest(path.at(-1) ?? '', known)
  return `there is no such setting: ${likely ? `did you mean ${likely}?` : `choose one of ${known.join(', ')}`}`
}

/** Keys that folders of modules might have, and why they need none. */
export const needlessKeys: Readonly<Record<string, string>> = {
  order: 'not needed: folders are built in the order of the list, and modules loaded after those they need',
  needs: 'not needed: modpost finds what a module needs, and it is loaded first',
}

/** The known keys of the object at this path. */
function knownKeys(path: readonly string[]): string[] {
  let schema: unknown = settingsSchema
  for (const key of path) schema = objectIn(schema)?.entries[key] ?? schema
  return Object.keys(objectIn(schema)?.entries ?? {})
}

/** The object schema inside an optional, a union or an array. */
function objectIn(schema: unknown): { readonly entries: Readonly<Record<string, unknown>> } | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined
  if ('entries' in schema) return schema as ReturnType<typeof objectIn>
  const further = schema as {
    readonly wrapped?: unknown
    readonly item?: unknown
    readonly options?: unknown
  }
  const options = Array.isArray(further.options) ? further.options : []
  return [further.wrapped, further.item, ...options].map(objectIn).find(Boolean)
}
