// SPDX-License-Identifier: MIT
import { MachineryError } from './errors.ts'

/** An npm package that this one depends on is not there: the installation is incomplete. */
export class PackageMissing extends MachineryError {
  constructor(name: string, cause?: unknown) {
    super(
      `the npm package ${name} is missing: install again, with optional packages (npm install --include=optional)`,
      { cause },
    )
  }
}

/** How Node and packages with binaries (esbuild 0.28, rolldown) say that a package is not there. */
const sayings = [
  /^Cannot find package '([@\w][^']*)' imported from .*\/node_modules\//,
  /^Cannot find module '([@\w][^']*)'\nRequire stack:\n- .*\/node_modules\//,
  /^The package "([^"]+)" could not be found, and is needed by /,
]

/** The error for people, if a package of an installation says that another one is missing. */
export function packageMissing(error: Error): PackageMissing | undefined {
  // The cause first: rolldown tries what may replace the binary of this machine, and tells of that, too.
  const earlier = error.cause instanceof Error ? packageMissing(error.cause) : undefined
  if (earlier) return earlier
  for (const saying of sayings) {
    const [, name] = saying.exec(error.message) ?? []
    if (name) return new PackageMissing(name, error)
  }
  return undefined
}
