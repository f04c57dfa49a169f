import { createHash } from 'node:crypto'
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as v from 'valibot'
import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { cached, contentKey, discard } from '../base/cache.ts'
import { withCore } from '../base/cores.ts'
import { isErrno, MachineryError } from '../base/errors.ts'
import type { Progress } from '../base/progress.ts'
import { withLimit } from '../base/wait.ts'
import { Guest, type GuestSpec, type SavedGuest } from '../guest/guest.ts'
import { runInGuest } from '../guest/guest-program.ts'
import { qemuIdentity } from '../qemu/qemu.ts'
import { bootSplats } from '../verdict/boot.ts'
import { Decoder, type SymbolFiles } from '../verdict/decode.ts'
import { bootWithClock } from './clock.ts'
import { warmUp } from './warm.ts'

const SAVE_LIMIT = 60_000
/** Half a minute on a debug kernel under emulation. */
const WARM_UP_LIMIT = 300_000
/** What a restored guest is given, in number and size. */
const likeModulesFolder = '/run/warm-up'
const likeModules = [0, 1, 2, 3].map(each => ({
  path: `${likeModulesFolder}/${each}`,
  content: Buffer.alloc(10_000, 1),
}))

const fileSchema = v.object({ size: v.number(), modified: v.number(), sha256: v.string() })
const manifestSchema = v.object({
  release: v.string(),
  ram: fileSchema,
  state: fileSchema,
  bootSplats: v.array(v.string()),
})

/** What guests are given beside their image. */
export interface Delivered {
  /** This project's own package, which a template has: its folder is named after its content. */
  readonly package: { readonly folder: string; readonly files: readonly DeliveredFile[] }
  /** The modules under test, which no template has: each guest gets those of its own run. */
  readonly modules: readonly DeliveredFile[]
  /** Where the symbols of the kernel and of the modules among them are. */
  readonly symbols: SymbolFiles
}

/** A template as it was when it was looked at. */
export interface Template extends SavedGuest {
  /** Tells its RAM file from that of another template that has taken its place since. */
  readonly stamp: string
  /** What the kernel reported of itself before it was saved. */
  readonly bootSplats: readonly string[]
}

/**
 * The template of a kernel: a guest that was booted once, its worker warmed by a test file, and saved. Built where
 * there is none under the key of all that went into it; built anew where it is damaged or does not restore.
 */
export async function template(spec: GuestSpec, delivery: Delivered, progress: Progress): Promise<Template> {
  const key = await templateKey(spec, delivery)
  const build = () =>
    cached('templates', key, folder => withCore(() => buildTemplate(spec, delivery, folder, progress)))
  const found = await build()
  const damage = await damageOf(found)
  if (damage === undefined) return savedGuest(found)
  progress.note(`the template of ${spec.label} is damaged (${damage}): building it anew`)
  await discard('templates', key)
  return savedGuest(await build())
}

/** Removes a template that did not restore, unless another run has made it anew meanwhile. */
export async function discardTemplate(
  spec: GuestSpec,
  delivery: Delivered,
  template: Template,
): Promise<void> {
  if (isCurrent(template)) await discard('templates', await templateKey(spec, delivery))
}

/** Whether the files of a template are still those that were looked at: another run may have made it anew since. */
function isCurrent({ ram, stamp }: Template): boolean {
  return stampOf(ram) === stamp
}

function stampOf(file: string): string {
  const status = statSync(file, { bigint: true, throwIfNoEntry: false })
  return `${status?.ino} ${status?.mtimeNs}`
}

/** Of all that goes into a template. The package is among it, for guests have it loaded; modules and test files are not. */
export async function templateKey(
  { machine, identity, worker = {} }: GuestSpec,
  delivery: Delivered,
): Promise<string> {
  const { accelerator, memory, cpus, parameters = [] } = machine
  const shape = JSON.stringify([accelerator, memory, cpus, parameters, worker])
  return contentKey([...recipe(), identity, qemuIdentity(), shape, delivery.package.folder])
}

/** Our own files that decide what is saved: a changed one is another template. */
function recipe(): string[] {
  const here = readdirSync(import.meta.dirname).filter(name => /^[\w-]+\.[jt]s$/.test(name))
  return [...here.sort(), '../qemu/command.ts'].flatMap(name => [
    name,
    readFileSync(path.join(import.meta.dirname, name), 'utf8'),
  ])
}

async function buildTemplate(
  spec: GuestSpec,
  { package: own, symbols }: Delivered,
  folder: string,
  progress: Progress,
): Promise<void> {
  const ram = path.join(folder, 'ram')
  const state = path.join(folder, 'state')
  await progress.step(`make the template of ${spec.label}`, async update => {
    update('boot')
    const guest = await bootWithClock(spec, ram, progress)
    try {
      update('warm up')
      const [failure] = await withLimit(
        warm(guest, own, spec),
        WARM_UP_LIMIT,
        `the guest ${spec.label} was not warm after ${WARM_UP_LIMIT / 1000} s`,
      )
      if (failure !== undefined)
        progress.note(`the template of ${spec.label} is not warm, so that files take longer: ${failure}`)
      const splats = await bootSplats(guest, new Decoder(symbols))
      update('save')
      await guest.qemu.save(state, SAVE_LIMIT)
      const release = guest.release
      await guest.end()
      const manifest = {
        label: spec.label,
        release,
        ram: await describeFile(ram),
        state: await describeFile(state),
        bootSplats: splats,
      }
      await writeFile(path.join(folder, 'manifest.json'), JSON.stringify(manifest))
      update('verify')
      const restored = await Guest.restore(spec, { ...manifest, ram, state })
      await restored.end()
    } finally {
      await guest.end()
    }
  })
}

/** @returns what of the warm-up file failed */
async function warm(guest: Guest, own: Delivered['package'], { worker }: GuestSpec): Promise<string[]> {
  await guest.deliver(own.files)
  const failures = await warmUp(guest, own.folder, worker)
  // The agent's part of a restore, so that its code is compiled too. Nothing of it stays.
  for (let round = 0; round < 3; round++) await guest.renew(likeModules)
  await runInGuest(guest, { command: ['rm', '-r', likeModulesFolder], folder: '/', environment: {} })
  return failures
}

function savedGuest(folder: string): Template {
  const ram = path.join(folder, 'ram')
  const stamp = stampOf(ram)
  const { release, bootSplats } = v.parse(
    manifestSchema,
    JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')),
  )
  const saved = { ram, state: path.join(folder, 'state'), release, stamp, bootSplats }
  // The manifest was read between two looks at the same RAM file, so it is of that one.
  return isCurrent(saved) ? saved : savedGuest(folder)
}

/**
 * What is wrong with a template's files, or undefined. Sizes and dates are looked at each time; reading all of the RAM
 * file (0.3 s) is for the case that they differ.
 */
async function damageOf(folder: string): Promise<string | undefined> {
  try {
    const manifest = v.parse(
      manifestSchema,
      JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')),
    )
    for (const name of ['ram', 'state'] as const) {
      const file = path.join(folder, name)
      const { size, mtimeMs } = statSync(file)
      if (size !== manifest[name].size) return `${name} has ${size} bytes instead of ${manifest[name].size}`
      if (mtimeMs !== manifest[name].modified && (await sha256(file)) !== manifest[name].sha256)
        return `${name} was changed`
    }
    return undefined
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'a file of it is missing'
    if (error instanceof SyntaxError || v.isValiError(error)) return 'its manifest is unreadable'
    throw new MachineryError(`cannot look at the template ${folder}: ${String(error)}`, { cause: error })
  }
}

async function describeFile(file: string): Promise<v.InferOutput<typeof fileSchema>> {
  const { size, mtimeMs } = statSync(file)
  return { size, modified: mtimeMs, sha256: await sha256(file) }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 4 * 1024 * 1024 }), hash)
  return hash.digest('hex')
}
