import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type DeliveredFile, guestPaths } from '../../guest/agent/protocol.ts'
import { bundleGuestPackage, type GuestPackage } from '../../images/guest-runtime.ts'
import { buildModules } from '../../kernel/build-modules.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { UsageError } from '../base/errors.ts'
import { ownFolder } from '../base/own-folder.ts'
import type { Progress } from '../base/progress.ts'
import type { SymbolFiles } from '../verdict/decode.ts'
import type { Settings } from './settings.ts'

/** The folder of the modules under test: ours where a project has none. */
export function modulesFolder({ modules }: Settings, root: string): string {
  return modules === undefined ? path.join(ownFolder, 'kernel/modules') : path.resolve(root, modules)
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
  readonly #folder: string
  readonly #progress: Progress
  #modules: readonly DeliveredFile[] = []
  #built = ''
  #package: GuestPackage = { folder: '', files: [] }

  constructor(kernel: Kernel, modules: string, progress: Progress) {
    this.#kernel = kernel
    this.#folder = modules
    this.#progress = progress
  }

  /** The files as they were built last. */
  get files(): readonly DeliveredFile[] {
    return [...this.#package.files, ...this.#modules]
  }

  /** Where the client library and the helpers lie in the guest. */
  get packageFolder(): string {
    return this.#package.folder
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

  /** The names of the modules. */
  get modules(): string[] {
    return this.#modules.map(({ path: file }) => path.basename(file, '.ko'))
  }

  /**
   * Builds the modules, where a source has changed.
   * @throws ModuleError with the compiler's lines; the files stay as they were
   */
  async buildModules(): Promise<void> {
    if (!existsSync(this.#folder)) throw new UsageError(`there is no module directory ${this.#folder}`)
    const { folder, modules } = await buildModules(this.#kernel, this.#folder, { progress: this.#progress })
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
