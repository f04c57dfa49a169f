import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type DeliveredFile, guestPaths } from '../../guest/agent/protocol.ts'
import { bundleGuestPackage, type GuestPackage } from '../../images/guest-runtime.ts'
import { buildModules } from '../../kernel/build/build-modules.ts'
import type { ModuleFolder } from '../../kernel/build/module-sources.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { ownFolder } from '../base/own-folder.ts'
import type { Progress } from '../base/progress.ts'
import type { SymbolFiles } from '../verdict/decode.ts'
import type { Settings } from './settings.ts'

/** The modules under test: ours where a project has none. */
export function modulesUnderTest({ modules }: Settings, root: string): ModuleFolder {
  if (modules === undefined) return { dir: path.join(ownFolder, 'kernel/modules') }
  const folder = typeof modules === 'string' ? { dir: modules } : modules
  return { ...folder, dir: path.resolve(root, folder.dir) }
}

/** The settings with the modules of another folder (--modules), which are built as the project's own are. */
export function withModules(settings: Settings, dir: string | undefined): Settings {
  if (dir === undefined) return settings
  const { modules } = settings
  return { ...settings, modules: { ...(typeof modules === 'object' && modules), dir: path.resolve(dir) } }
}

/** The folders of the client library, the test helpers and the programs. */
export const packageFolders = ['guest/netlink', 'guest/testing', 'guest/programs'].map(folder =>
  path.join(ownFolder, folder),
)

/**
 * What every guest of a kernel is given at run time, and so is in neither its image nor its template: the modules under
 * test, the client library, the helpers and programs. Editing any of it costs a build of that alone.
 */
export class Delivery {
  readonly #kernel: Kernel
  readonly #sources: ModuleFolder
  readonly #progress: Progress
  #modules: readonly DeliveredFile[] = []
  #built = ''
  #package: GuestPackage = { folder: '', files: [] }

  constructor(kernel: Kernel, modules: ModuleFolder, progress: Progress) {
    this.#kernel = kernel
    this.#sources = modules
    this.#progress = progress
  }

  /** The client library, the helpers and the programs, as they were bundled last. */
  get package(): GuestPackage {
    return this.#package
  }

  /** The modules under test, as they were built last. */
  get modules(): readonly DeliveredFile[] {
    return this.#modules
  }

  /** The modules as they were built, with debug information, and the kernel's own where there is any. */
  get symbols(): SymbolFiles {
    return {
      // Kbuild keeps a '-' in a file's name that the kernel makes a '_'.
      module: name =>
        [name, name.replaceAll('_', '-')]
          .map(name => path.join(this.#built, 'debug', `${name}.ko`))
          .find(existsSync),
      vmlinux: this.#kernel.vmlinux,
    }
  }

  get moduleNames(): string[] {
    return this.#modules.map(({ path: file }) => path.basename(file, '.ko'))
  }

  /**
   * Builds the modules, where a source has changed.
   * @throws ModuleError with the compiler's lines; the files stay as they were
   */
  async buildModules(): Promise<void> {
    const { folder, modules } = await buildModules(this.#kernel, this.#sources, { progress: this.#progress })
    this.#built = folder
    this.#modules = [...modules].map(([name, file]) => ({
      path: `${guestPaths.modules}/${name}.ko`,
      content: readFileSync(file),
    }))
  }

  /** @param bundle makes the package, where it is not made for this kernel alone */
  async bundlePackage(bundle = bundleGuestPackage): Promise<void> {
    this.#package = await bundle()
  }
}
