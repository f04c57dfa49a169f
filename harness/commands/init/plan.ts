// SPDX-License-Identifier: MIT
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Registration } from '../../../guest/testing/registration.ts'
import { lockFileName } from '../../../kernel/lock-file.ts'
import { frontDoor, isPackage, ownFolder, scriptFolder } from '../../base/own-folder.ts'
import { settingsFile } from '../../prepare/settings.ts'
import { firstSuite, quoted, suiteName } from './first-suite.ts'
import { withMember } from './json-text.ts'
import { dependencyKinds, ownDependency } from './own-dependency.ts'
import type { PlannedFile } from './project-files.ts'
import { tsconfigGaps } from './tsconfig-gaps.ts'

/** The engines that there are workflows for. */
export const engines = ['github', 'gitlab'] as const
export type Engine = (typeof engines)[number]

/** A folder of modules as the configuration has it: paths are relative to the project. */
export interface ModuleEntry {
  readonly dir: string
  readonly sources: readonly string[]
  /** A target of its own Makefile. */
  readonly target?: string
}

/** What a project is to get. */
export interface Wanted {
  /** The project's folder. */
  readonly project: string
  /** In the order of building. */
  readonly modules: readonly ModuleEntry[]
  /** The label of a kernel to run on, as the configuration has it; undefined for the usual one. */
  readonly kernel: string | undefined
  /** Globs of its suites. */
  readonly suites: readonly string[]
  readonly registrations: readonly Registration[]
  /** Whether the modules could not be built. */
  readonly isBroken: boolean
  /** The content of a lock file. */
  readonly lock: string | undefined
  readonly ci: Engine | undefined
}

/** What `init` does in a project. */
export interface Plan {
  readonly files: readonly PlannedFile[]
  /** What is written, a line each. */
  readonly written: readonly string[]
  /** What is there and stays, with what it may lack. */
  readonly kept: readonly string[]
  /** The name of the script that runs the suites; undefined without one. */
  readonly script: string | undefined
}

/** Plans a project's files: what is there stays as it is, except for lines and members that are added. */
export function plan(wanted: Wanted): Plan {
  const files: PlannedFile[] = []
  const written: string[] = []
  const kept: string[] = []
  const textOf = (name: string) => {
    const file = path.join(wanted.project, name)
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined
  }
  /** A file that is there is kept, and `lacks` says what it may need. */
  const add = (name: string, content: string, what = '', lacks = '') => {
    if (textOf(name) !== undefined) return void kept.push(`${name}${lacks && `: ${lacks}`}`)
    files.push({ name, content })
    written.push(`${name}${what && `: ${what}`}`)
  }

  add(settingsFile, configurationOf(wanted))
  for (const each of wanted.registrations)
    add(suiteFile(each, wanted.suites), firstSuite(each), summaryOf(each))
  const suites = wanted.registrations.map(each => suiteFile(each, wanted.suites))
  add('tsconfig.json', tsconfigOf(wanted.project), '', tsconfigGaps(wanted.project, suites).join('; '))
  const script = addScript(wanted.project, textOf('package.json'), files, written, kept)
  const ignore = textOf('.gitignore')
  const ignored = ['node_modules/', '.netlink-vmtest/', 'coverage/'].filter(
    line => !ignores(ignore ?? '', line),
  )
  if (ignored.length > 0) {
    const gap = ignore === undefined || ignore === '' || ignore.endsWith('\n') ? '' : '\n'
    const content = `${ignore ?? ''}${gap}${ignored.map(line => `${line}\n`).join('')}`
    files.push({ name: '.gitignore', content, before: ignore })
    written.push(`.gitignore: ${ignored.join(', ')}`)
  }
  if (wanted.lock !== undefined && textOf(lockFileName) === undefined) add(lockFileName, wanted.lock)
  if (wanted.ci !== undefined) {
    const { file, source } = workflow(wanted.ci)
    const top = repositoryOf(wanted.project)
    if (top === wanted.project) add(file, readFileSync(source, 'utf8'), '', `compare it with ${source}`)
    else kept.push(`${path.join(top, file)}: copy ${source} to it, and have it run in the project's folder`)
  }
  return { files, written, kept, script }
}

/** Where an engine looks for its workflow, and where ours is. */
function workflow(engine: Engine): { file: string; source: string } {
  const folder = path.join(scriptFolder, '../ci')
  return engine === 'github'
    ? { file: '.github/workflows/netlink-vmtest.yml', source: path.join(folder, 'github.yml') }
    : { file: '.gitlab-ci.yml', source: path.join(folder, 'gitlab-ci.yml') }
}

/** The top of the repository that a project is in; its own folder without one. */
function repositoryOf(project: string): string {
  for (let at = project; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.git'))) return at
    if (at === path.dirname(at)) return project
  }
}

/** What a build may need, for a module that does not compile. */
const buildHint = `  // What its build needs besides: { dir: 'src', make: { CONFIG_MINE: 'm' }, env: { VERSION: '1' },
  // sources: ['include'], prepare: './configure', target: 'modules' }
`

function configurationOf({ modules, kernel, isBroken }: Wanted): string {
  const list = modules.map(({ dir, sources, target }) => {
    if (sources.length === 0 && target === undefined) return quoted(dir)
    const members = [
      `dir: ${quoted(dir)}`,
      ...(sources.length > 0 ? [`sources: [${sources.map(quoted).join(', ')}]`] : []),
      ...(target === undefined ? [] : [`target: ${quoted(target)}`]),
    ]
    return `{ ${members.join(', ')} }`
  })
  return `import { defineConfig } from 'netlink-vmtest/config'

export default defineConfig({
${kernel === undefined ? '' : `  kernels: [${quoted(kernel)}],\n`}${isBroken ? buildHint : ''}  modules: ${list.length === 1 ? list[0] : `[${list.join(', ')}]`},
})
`
}

/** The place of a module's suite, where the configuration looks for suites. */
function suiteFile(registration: Registration, globs: readonly string[]): string {
  const name = suiteName(registration)
  const folders = globs.map(glob => /^[^*?[{(!]*(?=\/)/.exec(glob)?.[0] ?? '.')
  const candidates = ['suites', ...folders].flatMap(folder =>
    ['test.ts', 'spec.ts'].map(ending => path.join(folder, `${name}.${ending}`)),
  )
  const fits = (file: string) => globs.some(glob => path.matchesGlob(file, glob))
  return candidates.find(fits) ?? path.join('suites', `${name}.test.ts`)
}

/** What is known of a module, in a line. */
function summaryOf({
  unknown,
  refused,
  families,
  protocols,
  devices,
  linkKinds,
  parameters,
  needs,
}: Registration): string {
  if (unknown !== undefined) return `nothing is known of it: ${unknown}`
  if (refused)
    return `${refused.by === undefined ? 'it' : `${refused.by}, which it needs,`} refuses to be loaded: ${refused.code}`
  const found = [
    ...families.map(
      ({ name, operations, groups }) =>
        `generic netlink family ${name} (operations ${operations.length}, groups ${groups.length})`,
    ),
    ...protocols.map(({ number }) => `netlink protocol ${number}`),
    ...devices.map(device => `device ${path.basename(device)}`),
    ...linkKinds.map(
      ({ kind, isUpper, refusal }) =>
        `links of the kind ${kind}${isUpper ? ', over another' : ''}${refusal ? ` (with no more than a name: ${refusal})` : ''}`,
    ),
    ...parameters.map(name => `parameter ${name}`),
    ...needs.map(name => `needs ${name}`),
  ]
  return found.join(', ') || 'it registers nothing that can be seen from outside'
}

function tsconfigOf(project: string): string {
  const include = [settingsFile, 'suites']
  const content = isPackage
    ? { extends: 'netlink-vmtest/tsconfig.json', include }
    : { ...ofCheckout(project), include }
  return `${JSON.stringify(content, null, 2)}\n`
}

/** The types of a checkout, which a project has not installed. */
function ofCheckout(project: string) {
  const at = (file: string) => fromHere(project, path.join(ownFolder, file))
  return {
    extends: at('tsconfig.suites.json'),
    compilerOptions: {
      paths: {
        'netlink-vmtest/config': [at('harness/prepare/settings.ts')],
        'netlink-vmtest/netlink': [at('guest/netlink/index.ts')],
        'netlink-vmtest/testing': [at('guest/testing/index.ts')],
        'netlink-vmtest/ynl': [at('guest/ynl/index.ts')],
        vitest: [at('node_modules/vitest')],
      },
      typeRoots: [at('node_modules/@types')],
    },
  }
}

function fromHere(project: string, file: string): string {
  const relative = path.relative(project, file)
  return relative.startsWith('.') ? relative : `./${relative}`
}

/** Adds the script and the dependency to package.json. @returns the script's name */
function addScript(
  project: string,
  before: string | undefined,
  files: PlannedFile[],
  written: string[],
  kept: string[],
): string | undefined {
  const name = 'package.json'
  const command = isPackage ? 'netlink-vmtest' : shellWord(fromHere(project, frontDoor))
  let text = before ?? '{\n  "private": true,\n  "type": "module"\n}\n'
  const content = objectOf(text)
  if (content === undefined) {
    kept.push(`${name}: it is no JSON object; add the script "test": ${JSON.stringify(command)}`)
    return undefined
  }
  const scripts = objectOf(content.scripts) ?? {}
  const own = Object.entries(scripts).find(([, each]) => each === command)?.[0]
  const free = ['test', 'test:kernel'].find(each => !Object.hasOwn(scripts, each))
  const added: string[] = []
  if (own === undefined && free !== undefined) {
    text = withMember(text, ['scripts'], free, command)
    added.push(`script ${free}`)
  } else if (own === undefined) kept.push(`${name}: its script test is another; add one with ${command}`)
  if (isPackage)
    for (const [dependency, version] of Object.entries(dependencies(project))) {
      const has = dependencyKinds.some(kind => Object.hasOwn(objectOf(content[kind]) ?? {}, dependency))
      if (has) continue
      if (version === undefined) {
        kept.push(
          `${name}: it lacks ${dependency}: npm pack in a checkout of it makes the file for npm i -D ${dependency}-VERSION.tgz`,
        )
        continue
      }
      text = withMember(text, ['devDependencies'], dependency, version)
      added.push(`devDependency ${dependency}`)
    }
  if (added.length > 0) {
    files.push({ name, content: text, before })
    written.push(`${name}: ${added.join(', ')}`)
  }
  return own ?? free
}

/** npm links this package's own dependencies side by side with it, pnpm does not. */
function dependencies(project: string): Record<string, string | undefined> {
  const folder = path.dirname(ownFolder)
  const own = objectOf(readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const { vitest } = (objectOf(own?.dependencies) ?? {}) as Record<string, string>
  return {
    'netlink-vmtest': ownDependency(project, folder, 'netlink-vmtest'),
    ...(managerOf(project) === 'pnpm' && vitest !== undefined ? { vitest } : {}),
  }
}

/** The package manager of a project, by its lock file. */
export function managerOf(project: string): 'npm' | 'pnpm' | 'yarn' {
  if (existsSync(path.join(project, 'pnpm-lock.yaml'))) return 'pnpm'
  return existsSync(path.join(project, 'yarn.lock')) ? 'yarn' : 'npm'
}

/** An object, or the one that a JSON text is; undefined for anything else. */
function objectOf(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== 'string')
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  try {
    return objectOf(JSON.parse(value))
  } catch {
    return undefined
  }
}

/** Whether a .gitignore has a folder, however it is written. */
function ignores(text: string, folder: string): boolean {
  const name = folder.replace(/\/$/, '')
  return text.split(/\r?\n/).some(line => line.trim().replace(/^\/|\/$/g, '') === name)
}

function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
