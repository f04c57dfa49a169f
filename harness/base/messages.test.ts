// SPDX-License-Identifier: MIT
/**
 * All messages for people: how they read, and that a test has seen each. As users see them: fixtures/cli.ts.
 */
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { complaintsAbout } from '../fixtures/message-rules.ts'
import { gap, hostSources, messageSites, withoutComments } from '../fixtures/messages.ts'
import { ownFolder } from './own-folder.ts'

const sites = hostSources().flatMap(messageSites)
const forms = sites.flatMap(({ place, error, texts }) => texts.map(text => ({ place, error, text })))
const isBare = ({ error }: { error: string }) => /^(Error|TypeError|RangeError|SyntaxError)$/.test(error)

test('the walk finds what is there', () => {
  expect(sites.length).toBeGreaterThan(100)
  const found = forms.map(({ error, text }) => `${error}: ${text}`)
  expect(found).toContain(
    `UsageError: unknown kernel ${gap}: choose one of ${gap}, a tree:DIR that you have built, or a pack:FILE of build --pack`,
  )
  expect(found).toContain(`UsageError: ${gap} is no kernel tree: it has no .config`)
  expect(found).toContain(`ToolMissing: ${gap} is ${gap}: apt-get install ${gap}`)
})

test('each is one line that names a thing, without a full stop', () => {
  const complaints = forms
    .filter(form => !isBare(form))
    .flatMap(({ place, text }) =>
      complaintsAbout(text, gap).map(complaint => `${place}: ${text}: ${complaint}`),
    )
  expect(complaints).toEqual([])
})

test('what users or machines do is told by errors that the command line knows, not by bare ones', () => {
  // Errors that cannot happen, and those that a caller translates.
  const internal = [
    `no port ${gap}`,
    `not a snapshot call: ${gap}`,
    'no 64-bit ELF file',
    'a truncated ELF file',
    'nothing was written',
    `--${gap} takes no value, not ${gap}`,
    '', // xz's own words
  ]
  const bare = sites.filter(site => isBare(site) && !site.isCaught)
  expect(bare.filter(({ texts: [text = ''] }) => !internal.includes(text))).toEqual([])
})

/** Messages that no test can provoke here, and why. */
const unseen: Readonly<Record<string, string>> = {
  [`QEMU could not save the machine: ${gap}`]: 'a QEMU that fails in the midst of it',
  [`cannot look at the template ${gap}: ${gap}`]: 'a disk that fails',
  [`the configuration wants KVM, but ${gap}`]:
    'where there is no /dev/kvm; what it says is tested (accelerator.vm.test.ts)',
  [`its kernel reports something in the warm-up: ${gap}`]:
    'a kernel with a fault in what every kernel is asked',
  [`Vitest could not run that${gap}: see above`]: 'an error of Vitest that comes before any file',
}

test('a comment of a test sees nothing', () => {
  const text = "/* one two */ expect('/* three */') // four\n/** five\n */ six()"
  expect(withoutComments('a.test.ts', text)).toBe(" expect('/* three */') \n six()")
})

test('a test has seen each of them, by its words', () => {
  const tests = globSync('{harness,kernel,images,guest}/**/*.test.ts', { cwd: ownFolder })
    .filter(file => !import.meta.filename.endsWith(file))
    .map(file => wordsOf(withoutComments(file, readFileSync(path.join(ownFolder, file), 'utf8'))).join(' '))
  const isSeen = (text: string) => {
    const parts = runsOf(text)
    return parts.length === 0 || parts.some(part => tests.some(words => words.includes(part)))
  }
  const missing = forms.filter(form => !isBare(form) && !isSeen(form.text))
  expect(missing.filter(({ text }) => !(text in unseen))).toEqual([])
  // An entry for a message that a test does see is out of date.
  expect(Object.keys(unseen).filter(text => !missing.some(form => form.text === text))).toEqual([])
})

/** A text's words, without the characters of regular expressions and quoting. */
function wordsOf(text: string): string[] {
  return text
    .replaceAll('\\', '')
    .split(/[^\w/.-]+/)
    .map(word => word.replace(/^\.+|\.+$/g, ''))
    .filter(Boolean)
}

/** Each three consecutive words between the gaps, or both where there are two. */
function runsOf(text: string): string[] {
  return text.split(gap).flatMap(part => {
    const words = wordsOf(part)
    if (words.length < 2) return []
    const length = Math.min(3, words.length)
    return Array.from({ length: words.length - length + 1 }, (_, at) =>
      words.slice(at, at + length).join(' '),
    )
  })
}
