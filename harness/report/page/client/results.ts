// SPDX-License-Identifier: MIT
import { html, nothing, type TemplateResult } from 'lit-html'
import { repeat } from 'lit-html/directives/repeat.js'
import type { PageData } from '../page-data.ts'
import { failure } from './failure.ts'
import { counted, duration, uncoloured, visible } from './text.ts'
import { countsOf, type Entry, hashOf, type Status, shownEntries, statuses, type View } from './view.ts'

/** What the results ask the page to do. */
export interface ResultActions {
  /** Changes the view; what is not given stays. */
  filter(change: Partial<View>): void
  toggle(id: string, isOpen: boolean): void
  showMore(): void
}

/** What of the results is shown beside the view. */
export interface ResultState {
  /** The ids of open rows: only these have content. */
  readonly open: ReadonlySet<string>
  /** Most rows. */
  readonly most: number
}

const signs: Readonly<Record<Exclude<Status, 'all'>, string>> = {
  failed: '✗',
  passed: '✓',
  skipped: '–',
  'not run': '○',
}

/** The results that pass the view's filter, by file. */
export function results(
  data: PageData,
  entries: readonly Entry[],
  view: View,
  { open, most }: ResultState,
  actions: ResultActions,
): TemplateResult {
  const shown = shownEntries(entries, view)
  const groups = [...Map.groupBy(shown.slice(0, most), ({ file }) => file)]
  const more = shown.length - most
  return html`
    <section class="results" aria-labelledby="results-title">
      <h2 id="results-title">Results</h2>
      ${toolbar(data, countsOf(entries, view), view, actions)}
      <p class="found" role="status">
        ${shown.length === 0 ? 'Nothing matches.' : `${counted(shown.length, 'result')}`}
      </p>
      ${repeat(
        groups,
        ([file]) => `${file.kernel} ${file.name}`,
        ([file, own]) => html`
          <div class="group">
            <h3>
              <span>${visible(file.name)}</span>
              ${data.kernels.length > 1 ? html`<span class="kernel">${visible(file.kernel)}</span>` : nothing}
            </h3>
            ${file.missed === undefined ? nothing : html`<p class="missed">${uncoloured(file.missed)}</p>`}
            ${repeat(
              own,
              ({ id }) => id,
              entry => row(entry, open.has(entry.id), view, actions),
            )}
          </div>`,
      )}
      ${
        more > 0
          ? html`<button type="button" class="more-results" @click=${() => actions.showMore()}>
            Show more (${more} left)
          </button>`
          : nothing
      }
    </section>`
}

function toolbar(
  { kernels }: PageData,
  counts: Readonly<Record<Status, number>>,
  view: View,
  { filter }: ResultActions,
): TemplateResult {
  const value = (event: Event) => (event.target as HTMLInputElement | HTMLSelectElement).value
  return html`
    <form class="toolbar" role="search" @submit=${(event: Event) => event.preventDefault()}>
      <label class="search">
        <span class="unseen">Search in names and errors</span>
        <input
          id="search"
          type="search"
          placeholder="Search names and errors"
          autocomplete="off"
          spellcheck="false"
          aria-keyshortcuts="/"
          .value=${view.text}
          @input=${(event: Event) => filter({ text: value(event), test: '' })}
        />
      </label>
      ${
        kernels.length > 1
          ? html`<label>
            <span class="unseen">Kernel</span>
            <select .value=${view.kernel} @change=${(event: Event) => filter({ kernel: value(event), test: '' })}>
              <option value="" ?selected=${view.kernel === ''}>All kernels</option>
              ${kernels.map(
                ({ label }) => html`
                <option value=${label} ?selected=${view.kernel === label}>${visible(label)}</option>`,
              )}
            </select>
          </label>`
          : nothing
      }
      <div class="statuses" role="group" aria-label="Status">
        ${statuses.map(
          status => html`
          <button
            type="button"
            class=${status.replace(' ', '-')}
            aria-pressed=${view.status === status}
            ?disabled=${counts[status] === 0 && view.status !== status}
            @click=${() => filter({ status, test: '' })}
          >${status === 'all' ? 'All' : status[0]?.toUpperCase() + status.slice(1)} <b>${counts[status]}</b></button>`,
        )}
      </div>
      ${
        view.file
          ? html`<button type="button" class="chosen" @click=${() => filter({ file: '', test: '' })}>
            <span class="unseen">Show all files, not only</span> ${visible(view.file)} <span aria-hidden="true">×</span>
          </button>`
          : nothing
      }
    </form>`
}

function row(entry: Entry, isOpen: boolean, view: View, actions: ResultActions): TemplateResult {
  const { id, test, file, status } = entry
  const found = test ? test.failure : file.outside
  const head = html`
    <span class="sign" aria-hidden="true">${signs[status]}</span>
    <span class="name">
      <span class="unseen">${status}:</span>
      <span class="title">${test ? visible(test.name) : html`<i>outside of its tests</i>`}</span>
      ${isOpen ? nothing : teaser(entry)}
    </span>
    ${test?.retries ? html`<span class="count">${counted(test.retries, 'retry').replace('retrys', 'retries')}</span>` : nothing}
    <span class="duration">${test && test.duration > 0 ? duration(test.duration) : ''}</span>`
  if (!found)
    return html`<div class="result ${status.replace(' ', '-')}" id=${anchor(id)} tabindex="-1">${head}</div>`
  const toggled = (event: Event) => {
    const { open } = event.currentTarget as HTMLDetailsElement
    if (open !== isOpen) actions.toggle(id, open)
  }
  return html`
    <details class="result ${status.replace(' ', '-')}" id=${anchor(id)} ?open=${isOpen} @toggle=${toggled}>
      <summary>${head}</summary>
      ${
        isOpen
          ? html`<div class="content">
            ${failure(found)}
            <p class="link"><a href=${hashOf({ ...view, test: id })}>Link to this result</a></p>
          </div>`
          : nothing
      }
    </details>`
}

/** The first line of what went wrong, or why nothing happened. */
function teaser({ test, file }: Entry): TemplateResult | typeof nothing {
  const [error] = (test ? test.failure : file.outside)?.errors ?? []
  const { report } = error ?? {}
  const said = report ? `${report.kind}: ${report.title}` : error ? `${error.name}: ${error.message}` : ''
  const line = uncoloured(said || (test?.status === 'skipped' ? (test.note ?? '') : '')).split('\n', 1)[0]
  return line ? html`<span class="teaser">${line}</span>` : nothing
}

/** The element's id of a row. */
export function anchor(id: string): string {
  return `result-${id}`
}
