// SPDX-License-Identifier: MIT
import { readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { MachineryError } from '../../harness/base/errors.ts'
import { formatOptions, type Option, parseOptions, unmet } from '../options.ts'
import type { Flavour } from './labels.ts'
import { makeOrFail } from './make.ts'

/** A kernel's options: those of `minimal.config`, and for a debug kernel `debug.config` on top. */
export async function wantedOptions(flavour: Flavour, series: string): Promise<Option[]> {
  const files = flavour === 'debug' ? ['minimal.config', 'debug.config'] : ['minimal.config']
  const texts = await Promise.all(files.map(file => readFile(path.join(import.meta.dirname, file), 'utf8')))
  const options = texts.flatMap(text => parseOptions(text, series))
  return [...options, { name: 'CONFIG_LOCALVERSION', value: `"-${flavour}"` }]
}

/**
 * Configures a kernel tree with the wanted options and their dependencies. All else is off, as in
 * `make tinyconfig`, options of later versions too.
 * @throws MachineryError that names every option that the kernel does not accept
 */
export async function configure(tree: string, wanted: readonly Option[], name: string): Promise<void> {
  const marker = path.join(tree, '.configured')
  const text = formatOptions(wanted)
  if ((await readFile(marker, 'utf8').catch(() => '')) === text) return
  const file = path.join(tree, 'wanted.config')
  await writeFile(file, text)
  await makeOrFail(tree, ['-s', `KCONFIG_ALLCONFIG=${file}`, 'allnoconfig'], `the configuration of ${name}`)
  const lost = unmet(wanted, await readFile(path.join(tree, '.config'), 'utf8'))
  if (lost.length > 0)
    throw new MachineryError(
      `${name} cannot be configured as wanted: ${lost.map(it => it.wanted.name).join(', ')} did not stick`,
      {
        details: [
          ...lost.map(it => `${it.wanted.name} is ${it.found}, and not ${it.wanted.value}`),
          'Something that it depends on is off, or this version has another name for it: see its Kconfig entry.',
        ].join('\n'),
      },
    )
  await writeFile(`${marker}.new`, text)
  await rename(`${marker}.new`, marker)
}
