import { Select, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { UsageInfo, UsageList } from '../../core/api/billing-api.ts'
import { formatMoney, micros } from '../../core/billing/money.ts'
import { quoteForFilter } from '../../core/edge/edge-client.ts'
import { nameOf as nameOfEntity } from '../../core/edge/entity-members.ts'
import { MeshError } from '../../core/model/errors.ts'
import { EDGE_QUERIES } from '../api/edge-queries.ts'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Listing } from '../parts/listing.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import type { TextKey } from '../texts/en.ts'
import { useTexts } from '../texts/texts.ts'
import { UsageBars } from './usage-bars.tsx'
import { idsIn, sumByHour, sumByService } from './usage-sums.ts'

/** What streams carried and what was charged; to members their own. */
export function UsageSection({ mesh, isAdmin }: { mesh: string; isAdmin: boolean }) {
  const { say } = useTexts()
  const [span, setSpan] = useState<Span>('day')
  // A question that moves on with every second would never be answered from what is kept.
  const minute = Math.floor(useNow(60_000) / 60_000) * 60_000
  const sinceMs = SPANS[span]
  const usage = useQuery(
    EDGE_QUERIES.usage(mesh, {
      limit: 1_000,
      ...(sinceMs !== undefined && { sinceMs: minute - sinceMs }),
    }),
  )
  const nameOf = useNames(mesh, usage.data, isAdmin)
  const isOff = usage.error instanceof MeshError && usage.error.code === 'unsupported'
  return (
    <Stack>
      <Title order={1}>{say('usage.title')}</Title>
      {isAdmin && <BillingState mesh={mesh} />}
      {isOff && !isAdmin && <Text>{say('usage.off')}</Text>}
      {!isOff && (
        <>
          <Select
            label={say('usage.since')}
            data={Object.keys(SPANS).map(value => ({ value, label: say(`usage.since.${value as Span}`) }))}
            value={span}
            onChange={value => setSpan((value ?? 'day') as Span)}
            allowDeselect={false}
            maw={220}
          />
          <Loaded query={usage}>{list => <Usage list={list} nowMs={minute} nameOf={nameOf} />}</Loaded>
        </>
      )}
      <EqualCommand>{`ztm billing report${SPAN_WORDS[span]}`}</EqualCommand>
    </Stack>
  )
}

function BillingState({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const query = useQuery(EDGE_QUERIES.billing(mesh))
  return (
    <Loaded query={query}>
      {({ isOn, sessionCount, recheckMs, openCount, keptCount, waitingCount, refusedCount, lastError }) => (
        <Table aria-label={say('usage.billing')} variant="vertical" layout="fixed">
          <Table.Tbody>
            <Row title={say('usage.billing')}>{say(isOn ? 'usage.on' : 'usage.off')}</Row>
            {isOn && (
              <>
                <Row title={say('usage.balances')}>
                  {say('usage.balancesOf', { count: sessionCount, seconds: Math.round(recheckMs / 1_000) })}
                </Row>
                <Row title={say('usage.streams')}>
                  {say('usage.streamsNow', { open: openCount, kept: keptCount })}
                </Row>
                <Row title={say('usage.queue')}>{`${waitingCount} / ${refusedCount}`}</Row>
                <Row title={say('usage.commerce')}>
                  {lastError === undefined ? (
                    <StateBadge mood="well">{say('usage.well')}</StateBadge>
                  ) : (
                    <Name>{lastError}</Name>
                  )}
                </Row>
              </>
            )}
          </Table.Tbody>
        </Table>
      )}
    </Loaded>
  )
}

function Row({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <Table.Tr>
      <Table.Th w={160}>{title}</Table.Th>
      <Table.Td style={{ overflowWrap: 'anywhere' }}>{children}</Table.Td>
    </Table.Tr>
  )
}

type NameOf = (id: string) => string

/** What programs and endpoints are called; administrators may ask. */
function useNames(mesh: string, list: UsageList | undefined, isAdmin: boolean): NameOf {
  const ids = isAdmin ? idsIn(list).slice(0, MAX_NAMED) : []
  const filter = `id in [${ids.map(quoteForFilter).join(', ')}]`
  const { data } = useQuery({
    ...EDGE_QUERIES.page(mesh, 'identity', { filter, limit: MAX_NAMED }),
    enabled: ids.length > 0,
  })
  const names = new Map(data?.entities.map(entity => [entity.id, nameOfEntity(entity)]))
  return id => names.get(id) ?? id
}

function Usage({ list, nowMs, nameOf }: { list: UsageList; nowMs: number; nameOf: NameOf }) {
  const { say, language } = useTexts()
  const { usage, total, charged, verdicts, pairs, balances = [] } = list
  if (total === 0 && balances.length === 0) return <Text>{say('usage.none')}</Text>
  const bytes = (count: number) => formatBytes(count, language)
  const hour = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' })
  return (
    <Stack>
      <Text>
        {say('usage.sum', {
          total,
          sent: bytes(charged.bytesSent),
          received: bytes(charged.bytesReceived),
        })}
      </Text>
      {(verdicts.differ ?? 0) > 0 && (
        <Text c="var(--mantine-color-error)">{say('usage.differHelp', { count: verdicts.differ ?? 0 })}</Text>
      )}
      <UsageBars
        label={say('usage.graph')}
        bars={sumByHour(usage, nowMs, 24).map(({ startMs, bytes }) => ({
          name: hour.format(startMs),
          bytes,
        }))}
      />
      <UsageBars
        label={say('usage.graphService')}
        isLying
        bars={sumByService(usage)
          .slice(0, 12)
          .map(({ service, bytes }) => ({ name: service, bytes }))}
      />
      <Balances balances={balances} nameOf={nameOf} />
      <Streams usage={usage} nameOf={nameOf} />
      {pairs.length > 0 && (
        <Listing
          label={say('usage.between')}
          rows={pairs}
          keyOf={({ dialler, host }) => `${dialler} ${host}`}
          empty=""
          columns={[
            { title: say('advice.dial'), cell: ({ dialler }) => <Name>{nameOf(dialler)}</Name> },
            { title: say('edge.host'), cell: ({ host }) => <Name>{nameOf(host)}</Name> },
            { title: say('usage.byEnds'), cell: ({ endBytes }) => bytes(endBytes) },
            { title: say('usage.byHub'), cell: ({ hubBytes }) => bytes(hubBytes) },
          ]}
        />
      )}
    </Stack>
  )
}

function Balances({ balances, nameOf }: { balances: UsageList['balances']; nameOf: NameOf }) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  if (balances.length === 0) return null
  return (
    <Listing
      label={say('usage.balance')}
      rows={balances}
      keyOf={({ user, service }) => `${user} ${service}`}
      empty=""
      columns={[
        { title: say('endpoint.user'), cell: ({ user }) => <Name>{nameOf(user)}</Name> },
        { title: say('service.name'), cell: ({ service }) => <Name>{service}</Name> },
        {
          title: say('usage.available'),
          cell: ({ available, currency }) => formatMoney(micros(available), currency),
        },
        {
          title: say('usage.minimum'),
          cell: ({ minimum, currency }) => formatMoney(micros(minimum), currency),
        },
        { title: say('usage.asked'), cell: ({ askedAtMs }) => formatWhen(askedAtMs, now, language) },
      ]}
    />
  )
}

function Streams({ usage, nameOf }: { usage: readonly UsageInfo[]; nameOf: NameOf }) {
  const { say, language } = useTexts()
  const now = useNow(5_000)
  const bytes = (count: number) => formatBytes(count, language)
  return (
    <Listing
      label={say('usage.streams')}
      rows={usage.slice(0, MAX_ROWS)}
      keyOf={({ session, stream }) => `${session}.${stream}`}
      empty={say('usage.none')}
      columns={[
        { title: say('service.name'), cell: ({ service }) => <Name>{service}</Name> },
        { title: say('endpoint.user'), cell: ({ dialler }) => <Name>{nameOf(dialler.user)}</Name> },
        { title: say('edge.host'), cell: ({ host }) => <Name>{nameOf(host?.user ?? '')}</Name> },
        {
          title: say('path.bytes'),
          cell: ({ counts: { dialler, host } }) => {
            const end = dialler ?? host
            return end === undefined ? '' : `${bytes(end.bytesSent)} / ${bytes(end.bytesReceived)}`
          },
        },
        {
          title: say('usage.charged'),
          cell: ({ charged, waitingCount, refusedCount }) => (
            <>
              {bytes(charged.bytesSent + charged.bytesReceived)}{' '}
              {refusedCount > 0
                ? say('usage.state.refused')
                : waitingCount > 0
                  ? say('usage.state.waiting')
                  : ''}
            </>
          ),
        },
        {
          title: say('usage.heard'),
          cell: ({ isOpen, heardAtMs }) =>
            isOpen ? say('usage.open') : formatWhen(heardAtMs, now, language),
        },
        {
          title: say('state.title'),
          cell: ({ verdict }) => (
            <StateBadge mood={verdict === 'agree' ? 'well' : verdict === 'differ' ? 'ill' : 'waiting'}>
              {say(`usage.${verdict}` satisfies TextKey)}
            </StateBadge>
          ),
        },
      ]}
    />
  )
}

type Span = 'hour' | 'day' | 'all'
const SPANS: Readonly<Record<Span, number | undefined>> = {
  hour: 3_600_000,
  day: 86_400_000,
  all: undefined,
}
const SPAN_WORDS: Readonly<Record<Span, string>> = { hour: ' --since 1h', day: ' --since 24h', all: '' }
/** More are shown by their ids. */
const MAX_NAMED = 250
/** More stand in the sums and graphs alone. */
const MAX_ROWS = 200
