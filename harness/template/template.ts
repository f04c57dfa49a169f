import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import * as v from 'valibot'
import type { DeliveredFile } from '../../guest/agent/protocol.ts'
import { cached, contentKey, discard } from '../base/cache.ts'
import { withCore } from '../base/cores.ts'
import { isErrno, MachineryError } from '../base/errors.ts'
import type { Progress } from '../base/progress.ts'
import { Guest, type GuestSpec, type SavedGuest } from '../guest/guest.ts'
import { qemuIdentity } from '../qemu/qemu.ts'
import { bootSplats } from '../verdict/boot.ts'
import { Decoder, type SymbolFiles } from '../verdict/decode.ts'
import { bootWithClock } from './clock.ts'
import { warmUp } from './warm.ts'

const SAVE_LIMIT = 60_000
/** Changes when what is saved does, for the same kernel and image. */
const RECIPE = '7'

const fileSchema = v.object({ size: v.number(), modified: v.number(), sha256: v.string() })
const manifestSchema = v.object({
  release: v.string(),
  ram: fileSchema,
  state: fileSchema,
  files: v.record(v.string(), v.string()),
  bootSplats: v.array(v.string()),
})

/** What guests are given beside their image. */
export interface Delivered {
  readonly files: readonly DeliveredFile[]
  /** Where this project's own package lies among them. */
  readonly packageFolder: string
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

const digests = new WeakMap<DeliveredFile, string>()

/** The SHA-256 of a file's content, computed once. */
function digestOf(file: DeliveredFile): string {
  const known = digests.get(file) ?? createHash('sha256').update(file.content).digest('hex')
  digests.set(file, known)
  return known
}

/** SHA-256 of these files, by their paths in the guest. */
export function describeFiles(files: readonly DeliveredFile[]): Record<string, string> {
  return Object.fromEntries(files.map(file => [file.path, digestOf(file)]))
}

/** The files that guests of a template do not have yet, or have differently. */
export function missingIn(saved: SavedGuest, files: readonly DeliveredFile[]): DeliveredFile[] {
  return files.filter(file => saved.files[file.path] !== digestOf(file))
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

/**
 * Whether the files of a template are still those that were looked at. Other runs may remove it (it did not restore for
 * them, or has to make room) and make one of the same key, in which guests have *their* modules: asked after a restore, this tells
 * which of them was restored.
 */
export function isCurrent({ ram, stamp }: Template): boolean {
  return stampOf(ram) === stamp
}

function stampOf(file: string): string {
  const status = statSync(file, { bigint: true, throwIfNoEntry: false })
  return `${status?.ino} ${status?.mtimeNs}`
}

/**
 * Of all that goes into a template but the modules, which are brought along where they differ: editing a module or a
 * suite builds nothing anew. This project's own package counts: guests have it loaded, and bringing another one along
 * costs every restore 0.35 s under emulation, more in one run than a new template.
 */
async function templateKey(
  { machine, identity, worker = {} }: GuestSpec,
  { packageFolder }: Delivered,
): Promise<string> {
  const warmUpFile = readFileSync(path.join(import.meta.dirname, 'warm-up.ts'))
  const { accelerator, memory, cpus, parameters = [] } = machine
  const shape = JSON.stringify([accelerator, memory, cpus, parameters, worker])
  const command = readFileSync(path.join(import.meta.dirname, '../qemu/command.ts'))
  return contentKey([RECIPE, identity, await qemuIdentity(), shape, warmUpFile, command, packageFolder])
}

async function buildTemplate(
  spec: GuestSpec,
  { files, packageFolder, symbols }: Delivered,
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
      await guest.deliver(files)
      const [failure] = await warmUp(guest, packageFolder, spec.worker)
      if (failure !== undefined)
        progress.note(`the template of ${spec.label} is not warm, so that files take longer: ${failure}`)
      // The agent's part of a restore, so that its code is compiled too.
      for (let round = 0; round < 3; round++)
        await guest.renew([{ path: '/tmp/warm-up', content: Buffer.alloc(1) }])
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
        files: describeFiles(files),
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

function savedGuest(folder: string): Template {
  const ram = path.join(folder, 'ram')
  const stamp = stampOf(ram)
  const { release, files, bootSplats } = v.parse(
    manifestSchema,
    JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')),
  )
  const saved = { ram, state: path.join(folder, 'state'), release, files, stamp, bootSplats }
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
