/** A kernel that is on this machine, ready to boot and to build modules for. */
export interface Kernel {
  /** The label it was asked for by: `debian-6.1`. */
  readonly label: string
  /** What `uname -r` says in it: `6.1.0-56-cloud-amd64`. */
  readonly release: string
  /** A key of exactly what it is (packages, versions and their hashes): what is derived from it is cached under this. */
  readonly id: string
  /** Where it comes from, for people: packages, versions, suites. */
  readonly origin: string
  /** Path of what QEMU boots: a bzImage, or an ELF file with a PVH entry. */
  readonly image: string
  /**
   * Path of its `lib/modules/RELEASE`, with the in-tree modules (.ko, .ko.xz) below `kernel/`; undefined when
   * everything is built in. There is no modules.dep: nobody has run depmod.
   */
  readonly moduleTree: string | undefined
  /** Path of its System.map; undefined when only debug packages have it, as for Debian's kernels. */
  readonly systemMap: string | undefined
  /** Path of an ELF file with line tables, for people who read its addresses; undefined where there is none. */
  readonly vmlinux: string | undefined
  /** Path of its .config. */
  readonly config: string
  /** How modules are built for it: `make -C source O=output M=... VARIABLES`. Both trees are only read. */
  readonly build: {
    readonly source: string
    readonly output: string
    readonly variables: readonly string[]
  }
}
