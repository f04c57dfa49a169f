import * as v from 'valibot'
import { UsageError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { longestTimer } from '../base/timers.ts'
import { kernelParameter } from '../qemu/parameters.ts'

const positive = (what: string) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(1, `${what} must be at least 1`))
/** A time limit of so many units; what no timer can be set for would be over at once. */
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

/** MiB with which guests of Debian's kernels boot: with 384 the kernel cannot unpack its initramfs. */
export const leastMemory = 416

/** By their names, as make and a shell take them. */
const variables = v.record(
  v.pipe(v.string(), v.regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable')),
  v.string(),
)

/** A folder of modules: the name of a Kbuild directory, or what its build needs besides. */
const moduleFolder = v.union([
  v.string(),
  v.strictObject({
    /** The folder whose Kbuild or Makefile lists the modules. */
    dir: v.string(),
    /** Files and folders outside of it that its build reads, below the project's folder too: `['include', '../common']`. */
    sources: v.optional(v.array(v.string())),
    /** A shell command that is run before make in the copy that is built, with KERNELDIR and the like: './configure'. */
    prepare: v.optional(v.string()),
    /** A target of the folder's own Makefile, which calls the kernel's build itself. Default: kbuild's own `modules`. */
    target: v.optional(v.string()),
    /** Variables on make's command line: `{ CONFIG_FOO: 'm' }`. */
    make: v.optional(variables),
    /** Environment variables: of the caller's a build knows only PATH and TMPDIR. */
    env: v.optional(variables),
  }),
])

const settingsSchema = v.strictObject({
  /** The kernels that run when the command line names none. Default: the prebuilt one of this machine's Debian release. */
  kernels: v.optional(v.array(v.string())),
  /** The kernels of `--matrix`. */
  matrix: v.optional(v.array(v.string()), ['debian-5.10', 'debian-6.1', 'debian-7.3', 'minimal-6.12']),
  /** Test files, as globs below the project's folder. */
  suites: v.optional(v.array(v.string()), ['suites/**/*.test.ts']),
  /** The folder of the modules under test, below the project's folder, or several in the order of building. Default: our own modules. */
  modules: v.optional(v.union([moduleFolder, v.array(moduleFolder)])),
  /** A mirror of Debian's archive in place of the one that this machine's apt uses. */
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
      /** QEMU's machine `pc` has 255 at most. */
      cpus: v.optional(v.pipe(positive('vm.cpus'), v.maxValue(255, 'vm.cpus must be at most 255')), 1),
      /** 'auto' tries KVM and falls back to software emulation. */
      accelerator: v.optional(v.picklist(['auto', 'kvm', 'tcg']), 'auto'),
      /** What gets a guest of its own: each test file, or each test, for tests that taint or crash the kernel. */
      isolate: v.optional(v.picklist(['file', 'test']), 'file'),
      /** Seconds that a guest may take to boot. */
      bootLimit: v.optional(timeLimit('vm.bootLimit', 1000), 60),
      /** Kernel parameters beside those that guests need: `slub_debug=FZP`, `dyndbg=file nlexample.c +p`. */
      parameters: v.optional(v.array(parameter), []),
      /** What becomes of a kernel that reports something (WARN, KASAN ...) before any test: nothing runs on it, or all does. */
      bootSplats: v.optional(v.picklist(['fail', 'ignore']), 'fail'),
    }),
    {},
  ),
  /** What guests have beside what every guest has: netlink's usual modules (veth, dummy, nlmon ...) and `ip` of iproute2. */
  image: v.optional(
    v.strictObject({
      /** In-tree modules of the kernel, which come with all that they need: for `modprobe`, and found by the kernel itself. */
      modules: v.optional(v.array(v.string()), []),
      /** Programs of this machine, by name or as paths from the project's folder, which come with their libraries. */
      programs: v.optional(v.array(v.string()), []),
    }),
    {},
  ),
  /** What the cache may keep of templates, images and modules: days since their last use, and GB in all. */
  cache: v.optional(
    v.strictObject({
      days: v.optional(v.pipe(v.number(), v.minValue(0, 'cache.days must not be negative')), 30),
      gigabytes: v.optional(v.pipe(v.number(), v.minValue(0, 'cache.gigabytes must not be negative')), 10),
    }),
    {},
  ),
  /**
   * Milliseconds that a test may take. Software emulation is slow: Vitest's own 5 s is for bare hardware. On kernels with
   * sanitizers some times more (kernel/needs.ts).
   */
  testTimeout: v.optional(timeLimit('testTimeout'), 30_000),
  /** Milliseconds that a test file may take, from when it has its guest. */
  fileTimeout: v.optional(timeLimit('fileTimeout'), 600_000),
  /** Milliseconds that all files of a kernel may take. Default: as long as they need. */
  runTimeout: v.optional(timeLimit('runTimeout')),
})

/** The configuration of a project, whole, with its defaults. */
export type Settings = v.InferOutput<typeof settingsSchema>
/** What a project writes: every part has a default. */
export type UserSettings = v.InferInput<typeof settingsSchema>

export const settingsFile = 'netlink-vmtest.config.ts'

/** For `netlink-vmtest.config.ts`: gives the settings their type. */
export function defineConfig(settings: UserSettings): UserSettings {
  return settings
}

/** Fills in the defaults, and refuses what is not a setting. */
export function checkSettings(settings: unknown): Settings {
  if (Array.isArray(settings))
    throw new UsageError(`${settingsFile}: its default export must be an object, not a list`)
  const result = v.safeParse(settingsSchema, settings)
  if (result.success) return result.output
  const { issue, path } = innermost(result.issues[0])
  throw new UsageError(
    `${settingsFile}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${reason(issue, path)}`,
  )
}

type Issue = v.BaseIssue<unknown>
/** What is wrong, and where: the keys from the whole. */
type Located = { readonly issue: Issue; readonly path: readonly string[] }

/** Of what can be one thing or another, what is wrong with the one that it was meant to be: where the most of it is right. */
function innermost(issue: Issue, above: readonly string[] = []): Located {
  const path = [...above, ...(issue.path ?? []).map(({ key }) => String(key))]
  const deeper = (issue.issues ?? []).map(each => innermost(each, path))
  const [deepest] = deeper.sort((a, b) => b.path.length - a.path.length)
  return deepest && deepest.path.length > path.length ? deepest : { issue, path }
}

function reason(issue: Issue, path: readonly string[]): string {
  if (issue.type !== 'strict_object' || issue.expected !== 'never') return issue.message
  const known = knownKeys(path.slice(0, -1))
  const likely = nearest(path.at(-1) ?? '', known)
  return `there is no such setting: ${likely ? `did you mean ${likely}?` : `choose one of ${known.join(', ')}`}`
}

/** The keys of the object at this place. */
function knownKeys(path: readonly string[]): string[] {
  let schema: unknown = settingsSchema
  for (const key of path) schema = objectIn(schema)?.entries[key] ?? schema
  return Object.keys(objectIn(schema)?.entries ?? {})
}

/** The object that a schema describes, behind what makes it optional, one of several, or a list. */
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
