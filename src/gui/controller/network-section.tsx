import { Button, Group, Progress, Stack, Switch, Text, Textarea, Title } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { createPerformer } from '../../core/edge/network-apply.ts'
import type { PlanStep } from '../../core/edge/network-plan.ts'
import { openEdge } from '../api/edge-queries.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { visibleName } from '../parts/name.tsx'
import { useTexts } from '../texts/texts.ts'
import { saveText } from './enrolment-token.tsx'
import { exportText, planText, type TextPlan } from './network-text.ts'
import { PlanView } from './plan-view.tsx'

/** All that the controller keeps as one file: taken out, and made so, after what would change was shown. */
export function NetworkSection({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const taking = useMutation({ mutationFn: () => exportText(mesh) })
  return (
    <Stack>
      <Title order={1}>{say('declared.title')}</Title>
      <Title order={2} size="h4">
        {say('declared.export')}
      </Title>
      <Text size="sm">{say('declared.exportHelp')}</Text>
      <Group>
        <Button variant="default" loading={taking.isPending} onClick={() => taking.mutate()}>
          {say('declared.export')}
        </Button>
        {taking.data !== undefined && (
          <Button variant="default" onClick={() => saveText('network.yaml', taking.data)}>
            {say('declared.download')}
          </Button>
        )}
      </Group>
      {taking.error !== null && <Failure error={taking.error} />}
      {taking.data !== undefined && (
        <Textarea
          label={say('declared.export')}
          value={taking.data}
          readOnly
          autosize
          minRows={3}
          maxRows={16}
        />
      )}
      <EqualCommand>{'ztm export > network.yaml'}</EqualCommand>
      <Apply mesh={mesh} />
    </Stack>
  )
}

function Apply({ mesh }: { mesh: string }) {
  const { say } = useTexts()
  const [text, setText] = useState('')
  const [isPruning, setPruning] = useState(false)
  const comparing = useMutation({ mutationFn: () => planText(mesh, text, isPruning) })
  const applying = useApplying(mesh)
  const forget = () => {
    comparing.reset()
    applying.reset()
  }
  const planned = comparing.data
  const stepCount = planned?.plan.steps.length ?? 0
  return (
    <Stack
      onDragOver={event => event.preventDefault()}
      onDrop={event => {
        event.preventDefault()
        const [file] = event.dataTransfer.files
        if (file === undefined) return
        forget()
        void file.text().then(setText)
      }}
    >
      <Title order={2} size="h4">
        {say('declared.apply')}
      </Title>
      <Text size="sm">{say('declared.applyHelp')}</Text>
      <Textarea
        label={say('declared.file')}
        value={text}
        onChange={event => {
          setText(event.currentTarget.value)
          forget()
        }}
        autosize
        minRows={6}
        maxRows={20}
        spellCheck={false}
      />
      <Switch
        label={say('declared.prune')}
        checked={isPruning}
        onChange={event => {
          setPruning(event.currentTarget.checked)
          forget()
        }}
      />
      <EqualCommand>
        {formatCommand('ztm', 'apply', '-f', 'network.yaml', ...(isPruning ? ['--prune'] : []), '--dry-run')}
      </EqualCommand>
      <Group>
        <Button
          variant="default"
          loading={comparing.isPending}
          disabled={applying.isPending || text.trim() === ''}
          onClick={() => {
            applying.reset()
            comparing.mutate()
          }}
        >
          {say('declared.compare')}
        </Button>
        {planned !== undefined && stepCount > 0 && !applying.isSuccess && (
          <Button loading={applying.isPending} onClick={() => applying.mutate(planned)}>
            {say('declared.apply')}
          </Button>
        )}
      </Group>
      {comparing.error !== null && <Failure error={comparing.error} />}
      {planned !== undefined && <PlanView plan={planned.plan} />}
      {applying.isPending && (
        <Progress
          value={(applying.doneCount / Math.max(1, stepCount)) * 100}
          aria-label={say('declared.progress', { count: applying.doneCount, total: stepCount })}
        />
      )}
      {applying.error !== null && (
        <>
          <Failure error={applying.error} />
          <Text size="sm">
            {say('declared.stopped', {
              count: applying.doneCount,
              total: stepCount,
              name: visibleName(planned?.plan.steps[applying.doneCount]?.name ?? ''),
            })}
          </Text>
        </>
      )}
      {applying.isSuccess && <Text role="status">{say('declared.applied', { count: stepCount })}</Text>}
    </Stack>
  )
}

/** Does a plan, step by step, and counts how many are done. */
function useApplying(mesh: string) {
  const queries = useQueryClient()
  const [doneCount, setDoneCount] = useState(0)
  const applying = useMutation({
    async mutationFn({ network, plan }: TextPlan) {
      const perform: (step: PlanStep) => Promise<void> = createPerformer(openEdge(mesh), network)
      setDoneCount(0)
      for (const [index, step] of plan.steps.entries()) {
        await perform(step)
        setDoneCount(index + 1)
      }
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ['edge', mesh] }),
  })
  return { ...applying, doneCount }
}
