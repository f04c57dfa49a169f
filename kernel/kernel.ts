// SPDX-License-Identifier: MIT
/** A kernel on this machine, ready to boot and to build modules for. */
export interface Kernel {
  /** The requested label: `debian-6.1`. */
  readonly label: string
  /** `uname -r` in it: `6.1.0-56-cloud-amd64`. */
  readonly release: string
  /**
   * A key of its exact contents (packages, versions and hashes), for what is derived from it in the cache.
   */
  readonly id: string
  /** Where it comes from, as text: packages, versions, suites. */
  readonly origin: string
  /** Label and origin of the kernel that a pack was made from; undefined if this is no pack. */
  readonly packed?: { readonly label: string; readonly origin: string } | undefined
  /** Path of what QEMU boots: a bzImage, or an ELF file with a PVH entry. */
  readonly image: string
  /**
   * Path of its `lib/modules/RELEASE`, with the in-tree modules (.ko, .ko.xz) below `kernel/`; undefined if
   * everything is built in. It has no modules.dep, because depmod has not run.
   */
  readonly moduleTree: string | undefined
  /** Path of its System.map; undefined for Debian's kernels, where only debug packages have it. */
  readonly systemMap: string | undefined
  /** Path of an ELF file with line tables; undefined if there is none. */
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
