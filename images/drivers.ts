import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { runToolOrFail } from '../harness/process.ts'

/** What the guest cannot do without; each is either built in or among the kernel's modules. */
const wanted = ['virtio_pci', 'virtio_console']

/** A driver's file name and its (decompressed) bytes. */
export interface Driver {
  readonly name: string
  readonly content: Buffer
}

/**
 * The drivers that this kernel has as modules, each after those it needs. Dependencies come from the modules
 * themselves ("depends=" in .modinfo): Debian's packages have no modules.dep, which an installation would make.
 */
export async function driversAsModules(moduleTree: string): Promise<Driver[]> {
  const files = new Map<string, string>()
  for (const file of readdirSync(moduleTree, { recursive: true, encoding: 'utf8' })) {
    const name = /([^/]+)\.ko(\.xz|\.gz|\.zst)?$/.exec(file)?.[1]
    if (name) files.set(name.replaceAll('-', '_'), path.join(moduleTree, file))
  }
  const ordered = new Map<string, Driver>()
  const add = async (name: string): Promise<void> => {
    const file = files.get(name)
    if (!file || ordered.has(name)) return // not a module of this kernel: built in
    const content = await read(file)
    for (const needed of dependencies(content)) await add(needed)
    ordered.set(name, { name: `${name}.ko`, content })
  }
  for (const name of wanted) await add(name)
  return [...ordered.values()]
}

/** The names in a module's "depends=a,b" (linux/module.h, MODULE_INFO). */
export function dependencies(module: Buffer): string[] {
  const at = module.indexOf('\0depends=')
  if (at < 0) return []
  const start = at + '\0depends='.length
  const list = module.toString('latin1', start, module.indexOf(0, start))
  return list
    .split(',')
    .filter(Boolean)
    .map(name => name.replaceAll('-', '_'))
}

const decompressors: Readonly<Record<string, string>> = { '.xz': 'xz', '.gz': 'gzip', '.zst': 'zstd' }

async function read(file: string): Promise<Buffer> {
  const tool = decompressors[path.extname(file)]
  if (!tool) return readFileSync(file)
  const { stdout } = await runToolOrFail('sh', ['-c', `exec ${tool} -dc "$1" | base64 -w0`, 'sh', file], {
    timeout: 30_000,
  })
  return Buffer.from(stdout, 'base64')
}
