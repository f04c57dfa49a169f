// SPDX-License-Identifier: MIT
/** Draws the page of the data in it. */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { PageData, PageKernel } from '../page-data.ts'
import { error } from './failure.ts'
import { matrix, times } from './matrix.ts'
import { anchor, results } from './results.ts'
import { counted, duration, visible } from './text.ts'
import { countsOf, entriesOf, hashOf, shownEntries, type View, viewOf } from './view.ts'

/** Rows of results that are added at a time. */
const ROWS = 100

const data = JSON.parse(document.getElementById('data')?.textContent ?? '') as PageData
const root = document.getElementById('page') as HTMLElement
const entries = entriesOf(data)

let view = viewOf(location.hash, entries)
const open = new Set<string>()
let most = ROWS
let showsAllSuites = false

/** Puts the view into the address, so that it can be passed on. */
function show(change: Partial<View>): void {
  view = { ...view, ...change }
  history.replaceState(null, '', hashOf(view))
  most = ROWS
  draw()
}

const actions = {
  filter: show,
  toggle(id: string, isOpen: boolean) {
    if (isOpen) open.add(id)
    else open.delete(id)
    const test = isOpen ? id : view.test === id ? '' : view.test
    view = { ...view, test }
    history.replaceState(null, '', hashOf(view))
    draw()
  },
  showMore() {
    most += ROWS
    draw()
  },
}

function draw(): void {
  const showAll = () => {
    showsAllSuites = true
    draw()
  }
  render(
    html`
      ${header()}
      <main>
        ${data.files.length > 0 ? matrix(data, showsAllSuites ? undefined : showAll) : nothing}
        ${
          data.unhandled.length === 0
            ? nothing
            : html`<section><h2>Errors outside of all tests</h2>${data.unhandled.map(error)}</section>`
        }
        ${data.files.length > 0 ? results(data, entries, view, { open, most }, actions) : nothing}
        ${data.files.length > 0 ? times(data) : nothing}
      </main>
      <footer>netlink-vmtest ${data.version}</footer>`,
    root,
  )
  const more = root.querySelector('.more-results')
  sight.disconnect()
  if (more) sight.observe(more)
}

/** Adds rows when the end of those that are there comes into sight. */
const sight = new IntersectionObserver(
  seen => {
    if (seen.some(({ isIntersecting }) => isIntersecting)) actions.showMore()
  },
  { rootMargin: '400px' },
)

function toSearch(): void {
  document.getElementById('search')?.focus()
}

function header(): TemplateResult {
  const all: View = { text: '', status: 'all', kernel: '', file: '', test: '' }
  const tests = entries.filter(({ test }) => test)
  const counts = countsOf(tests, all)
  const made = new Date(data.time)
  const others = [
    ...(counts.passed > 0 && !data.ok ? [`${counts.passed} passed`] : []),
    ...(counts['not run'] > 0 ? [`${counts['not run']} not run`] : []),
    ...(counts.skipped > 0 ? [`${counts.skipped} skipped`] : []),
    counted(data.files.length, 'file'),
    duration(data.total),
  ]
  return html`
    <header class=${data.ok ? 'passed' : 'failed'}>
      ${
        data.files.length > 0
          ? html`<button type="button" class="skip" @click=${toSearch}>Skip to the results</button>`
          : nothing
      }
      <h1>${verdict(counts)}</h1>
      <p>
        ${others.join(' · ')} ·
        <time datetime=${made.toISOString()}>${made.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' })}</time>
      </p>
      <ul class="kernels" aria-label="Kernels">${data.kernels.map(kernel)}</ul>
      ${
        data.remarks.length === 0
          ? nothing
          : html`<ul class="remarks">${data.remarks.map(each => html`<li>${visible(each)}</li>`)}</ul>`
      }
    </header>`
}

function verdict({ failed, passed, all }: ReturnType<typeof countsOf>): string {
  if (failed > 0) return `${failed} of ${counted(all, 'test')} failed`
  if (!data.ok) return 'The run failed'
  return all === 0 ? 'No test ran' : `${counted(passed, 'test')} passed`
}

function kernel({ label, release, origin, problem, details, bootTime }: PageKernel): TemplateResult {
  const files = data.files.filter(file => file.kernel === label)
  const failed = files.filter(({ ok }) => !ok).length
  const isBroken = problem !== undefined || failed > 0
  return html`
    <li class=${isBroken ? 'failed' : 'passed'}>
      <a href=${hashOf({ kernel: label, status: 'all' })}><b>${visible(label)}</b></a>
      ${release ? html`<span class="release" title=${visible(origin)}>${visible(release)}</span>` : nothing}
      ${problem ? html`<span class="problem">${visible(problem)}</span>` : nothing}
      ${
        files.length > 0
          ? html`<span>${failed > 0 ? `${failed} of ${counted(files.length, 'file')} failed` : `${counted(files.length, 'file')} passed`}</span>`
          : nothing
      }
      ${bootTime === undefined ? nothing : html`<span>a guest in ${duration(bootTime)}</span>`}
      ${details ? html`<pre class="text" tabindex="0">${visible(details)}</pre>` : nothing}
    </li>`
}

/** Shows what the address names: opens it, and puts the focus there. */
function follow(): void {
  view = viewOf(location.hash, entries)
  const at = shownEntries(entries, view).findIndex(({ id }) => id === view.test)
  if (at !== -1) open.add(view.test)
  most = Math.max(ROWS, at + ROWS)
  draw()
  const isAboutResults = view.test !== '' || view.file !== '' || view.kernel !== ''
  const target = at === -1 ? (isAboutResults ? 'results-title' : '') : anchor(view.test)
  const element = document.getElementById(target)
  element?.scrollIntoView()
  const focused = element?.querySelector<HTMLElement>('summary') ?? element
  if (element?.id === 'results-title') element.tabIndex = -1
  focused?.focus({ preventScroll: true })
}

addEventListener('hashchange', follow)
addEventListener('keydown', event => {
  const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement
  if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
  event.preventDefault()
  toSearch()
})
follow()
