// SPDX-License-Identifier: MIT
/** Draws the page of the comparison in it. */
import { html, nothing, render, type TemplateResult } from 'lit-html'
import type { ComparisonPageData, PageConversation, PageFinding, PageLine } from '../comparison-data.ts'
import { command, part, text } from './failure.ts'
import { counted, duration, visible } from './text.ts'

const data = JSON.parse(document.getElementById('data')?.textContent ?? '') as ComparisonPageData
const root = document.getElementById('page') as HTMLElement
const open = new Set(data.findings.slice(0, 1).map(({ id }) => id))

function draw(): void {
  const matter = data.findings.filter(({ matters }) => matters)
  const others = data.findings.filter(({ matters }) => !matters)
  render(
    html`
      ${header()}
      <main>
        ${findings('Changes that matter', matter)} ${findings('Other changes', others)}
        ${
          data.remarks.length === 0
            ? nothing
            : html`<section><h2>Remarks</h2>
              <ul class="remarks">${data.remarks.map(each => html`<li>${visible(each)}</li>`)}</ul>
            </section>`
        }
      </main>
      <footer>netlink-vmtest ${data.version}</footer>`,
    root,
  )
}

function header(): TemplateResult {
  const made = new Date(data.time)
  return html`
    <header class=${data.ok ? 'passed' : 'failed'}>
      <h1>${visible(data.answer)}</h1>
      <p>
        ${visible(data.title)} · ${counted(data.findings.length, 'finding')} · ${duration(data.total)} ·
        <time datetime=${made.toISOString()}>${made.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'short' })}</time>
      </p>
      <ul class="kernels" aria-label="Kernels">
        ${data.kernels.map(
          ({ label, release }) => html`
          <li class=${data.ok ? 'passed' : 'failed'}>
            <b>${visible(label)}</b><span class="release">${visible(release)}</span>
          </li>`,
        )}
      </ul>
    </header>`
}

function findings(title: string, all: readonly PageFinding[]): TemplateResult | typeof nothing {
  if (all.length === 0) return nothing
  const groups = Array.from(
    Map.groupBy(all, ({ kind }) => kind),
    ([kind, own]) => html`<div class="group"><h3>${titleOf(kind)}</h3>${own.map(row)}</div>`,
  )
  return html`<section class="results"><h2>${title}</h2>${groups}</section>`
}

function titleOf(kind: string): string {
  return visible(`${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`)
}

function row(finding: PageFinding): TemplateResult {
  const { id, text: line, matters, seen } = finding
  const isOpen = open.has(id)
  const toggled = (event: Event) => {
    const { open: now } = event.currentTarget as HTMLDetailsElement
    if (now === open.has(id)) return
    if (now) open.add(id)
    else open.delete(id)
    history.replaceState(null, '', now ? `#${id}` : '#')
    draw()
  }
  return html`
    <details class="result ${matters ? 'failed' : 'passed'}" id=${id} ?open=${isOpen} @toggle=${toggled}>
      <summary>
        <span class="sign" aria-hidden="true">${matters ? '✗' : '·'}</span>
        <span class="name"><span class="title">${visible(line)}</span></span>
        ${seen ? html`<span class="count">${visible(seen)}</span>` : nothing}
      </summary>
      ${isOpen ? html`<div class="content">${details(finding)}</div>` : nothing}
    </details>`
}

function details({ id, request, conversation, show, again }: PageFinding): TemplateResult {
  return html`
    ${request ? part('The request that shows it', text(request)) : nothing}
    ${conversation ? part('Both sides', sideBySide(conversation)) : nothing}
    ${show ? part('What shows it', text(show)) : nothing}
    ${again ? part('See it again', command(again)) : nothing}
    <p class="link"><a href="#${id}">Link to this change</a></p>`
}

function sideBySide({ test, rows }: PageConversation): TemplateResult {
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Both sides of ${visible(test)}">
      <table class="sides">
        <caption>${visible(test)}</caption>
        <thead><tr><th scope="col">BASE: ${visible(data.base)}</th><th scope="col">HEAD: ${visible(data.head)}</th></tr></thead>
        <tbody>${rows.map(({ base, head }) => html`<tr>${cell(base)}${cell(head)}</tr>`)}</tbody>
      </table>
    </div>`
}

function cell(line: PageLine | undefined): TemplateResult {
  if (!line)
    return html`<td class="nothing differs"><span class="unseen">nothing, </span><span aria-hidden="true">–</span></td>`
  const { way, text: said, differs, parts } = line
  const isAnswer = way === 'answer'
  return html`
    <td class="${way === 'request' ? 'request' : 'told'} ${differs ? 'differs' : ''}">
      <span class="way">
        <span aria-hidden="true">${way === 'request' ? '→' : '←'}</span>
        <span class=${way === 'request' || isAnswer ? 'unseen' : ''}>${visible(way)}:</span>
      </span>
      ${mark(said, differs)}
      ${
        parts.length === 0
          ? nothing
          : html`<dl>${parts.map(each => html`<div><dt>${visible(each.name)}</dt><dd>${mark(each.value, each.differs)}</dd></div>`)}</dl>`
      }
    </td>`
}

/** What differs is marked by more than a colour. */
function mark(said: string, differs: boolean): TemplateResult {
  return differs ? html`<mark>${visible(said)}</mark>` : html`<span>${visible(said)}</span>`
}

/** Opens what the address names. */
function follow(): void {
  const id = location.hash.slice(1)
  if (data.findings.some(finding => finding.id === id)) open.add(id)
  draw()
  const element = document.getElementById(id)
  element?.scrollIntoView()
  element?.querySelector<HTMLElement>('summary')?.focus({ preventScroll: true })
}

addEventListener('hashchange', follow)
follow()
