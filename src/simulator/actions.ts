/**
 * The vendor's actions: what each takes, checks and does. They are stricter than the real ones (unknown fields, wrong
 * types and wrong states are errors), so a client that passes here meets nothing harder there.
 */
import { z } from 'zod';
import { failed, type Outcome } from './envelope.ts';
import { type LiveFault, twistOf } from './faults.ts';
import { restart, stop, type Task } from './pretend-task.ts';
import { listPage, promised } from './shown-list.ts';
import type { AccessKey } from './signature.ts';
import { statusNow, type World } from './world.ts';

/** Everything an action may look at. `input` is the parsed body, or the query of a GET without Action and Version. */
export interface Call {
  readonly world: World;
  readonly key: AccessKey;
  readonly input: unknown;
  readonly twists: readonly LiveFault[];
}

export interface Action {
  readonly method: 'GET' | 'POST';
  readonly run: (call: Call) => Outcome;
}

const aPage = z.number().int().min(1);
const listBody = z.strictObject({
  GroupNames: z.array(z.string()).nullish(),
  Title: z.string().optional(),
  Page: z.number().int().optional(),
  Size: z.number().int().optional(),
});
const digits = z.string().regex(/^-?\d{1,9}$/);
const listQuery = z.strictObject({
  GroupName: z.string().optional(),
  Title: z.string().optional(),
  Page: digits.optional(),
  Size: digits.optional(),
});
const groupBody = z.strictObject({
  PageNum: z.number().int(),
  PageSize: z.number().int(),
  StatusList: z.array(z.number().int()).nullish(),
});
const taskBody = z.strictObject({ TaskId: z.string().optional(), GroupName: z.string().optional() });

export const actions: Readonly<Record<string, Action>> = {
  ListPullToPushTaskV2: {
    method: 'POST',
    run: (call) => {
      const body = listBody.safeParse(call.input);
      if (!body.success) return wrongTypes(body.error);
      const { GroupNames, Title = '', Page = 1, Size = 20 } = body.data;
      return list(call, GroupNames ?? [], Title, Page, Size, true);
    },
  },
  ListPullToPushTask: {
    method: 'GET',
    run: (call) => {
      const query = listQuery.safeParse(call.input);
      if (!query.success) return wrongTypes(query.error);
      const { GroupName = '', Title = '', Page = '1', Size = '20' } = query.data;
      return list(call, GroupName === '' ? [] : [GroupName], Title, Number(Page), Number(Size), false);
    },
  },
  ListPullToPushGroup: { method: 'POST', run: listGroups },
  RestartPullToPushTask: { method: 'POST', run: enableStopped },
  ContinuePullToPushTask: { method: 'POST', run: enableStopped },
  RelaunchPullToPushTask: { method: 'POST', run: enableStopped },
  StopPullToPushTask: { method: 'POST', run: stopRunning },
};

function wrongTypes(error: z.ZodError): Outcome {
  const where = error.issues[0]?.path.join('.') || 'the body';
  return failed('InvalidParam.BindError', `request parameter error, please check input data: ${where}`);
}

function list(
  call: Call,
  groups: readonly string[],
  title: string,
  page: number,
  size: number,
  isV2: boolean,
): Outcome {
  if (!aPage.safeParse(page).success) return failed('InvalidParam', 'Page must be at least 1');
  if (size < 1 || size > 500) return failed('InvalidParam', 'Size must be 1 to 500');
  const refused = groups.length === 0 ? namelessRefusal(call.key) : forbiddenGroup(call.key, groups);
  if (refused !== undefined) return refused;
  const visible = call.key.sees === 'nothing' ? [] : (call.key.sees ?? undefined);
  const cloudGroups = groups.length === 0 || call.key.sees === 'nothing' ? visible : groups;
  return listPage(call.world, { cloudGroups, title, page, size, withGroupName: isV2 }, call.twists);
}

/** The vendor requires GroupName with a sub-account's key. */
function namelessRefusal(key: AccessKey): Outcome | undefined {
  return key.subAccount ? failed('InvalidParam', 'a sub-account must name its group') : undefined;
}

function forbiddenGroup({ sees }: AccessKey, groups: readonly string[]): Outcome | undefined {
  if (sees === undefined || sees === 'nothing') return undefined;
  return groups.every((group) => sees.includes(group)) ? undefined : failed('RequestForbidden.AccountIDNotAllow');
}

function listGroups({ world, key, input, twists }: Call): Outcome {
  const body = groupBody.safeParse(input);
  if (!body.success) return wrongTypes(body.error);
  const { PageNum, PageSize, StatusList } = body.data;
  if (PageNum < 1) return failed('InvalidParam', 'PageNum must be at least 1');
  if (PageSize < 1 || PageSize > 1_000) return failed('InvalidParam', 'PageSize must be 1 to 1000');
  const isBlind = key.sees === 'nothing' || twists.some(({ fault }) => fault.effect.kind === 'blind');
  const groups = [...world.cloudGroups.values()]
    .filter(({ name }) => !isBlind && (!Array.isArray(key.sees) || key.sees.includes(name)))
    .filter(({ status }) => !StatusList?.length || StatusList.includes(status));
  const size = Math.min(PageSize, twistOf(twists, 'page-cap')?.most ?? PageSize);
  const page = groups.slice((PageNum - 1) * size, PageNum * size).map(({ name, projectName, status }) => ({
    Name: name,
    ProjectName: projectName,
    Status: status,
    Tags: [{ Category: 'Custom', Key: 'owner', Value: 'live' }],
  }));
  return {
    kind: 'done',
    result: { kind: 'plain', value: { List: page.length > 0 ? page : null, Total: promised(twists, groups.length) } },
  };
}

/** Restart, Continue and Relaunch: only a stopped task can be enabled. The effect comes later, or never. */
function enableStopped(call: Call): Outcome {
  return withTask(call, (task) => {
    if (statusNow(call.world, task) !== '停用') return failed('InvalidParam', 'the task is not stopped');
    if (call.twists.some(({ fault }) => fault.effect.kind === 'in-vain')) task.restarts += 1;
    else restart(task, call.world.now);
    return { kind: 'done', result: undefined };
  });
}

function stopRunning(call: Call): Outcome {
  return withTask(call, (task) => {
    const status = statusNow(call.world, task);
    if (status !== '生效中' && status !== '未开始') return failed('InvalidParam', 'the task is not running');
    stop(task, call.world.now);
    return { kind: 'done', result: undefined };
  });
}

function withTask({ world, key, input }: Call, run: (task: Task) => Outcome): Outcome {
  const body = taskBody.safeParse(input);
  if (!body.success) return wrongTypes(body.error);
  const { TaskId = '', GroupName = '' } = body.data;
  if (TaskId === '') return failed('InvalidParam', 'TaskId is required');
  const refused = GroupName === '' ? namelessRefusal(key) : forbiddenGroup(key, [GroupName]);
  if (refused !== undefined) return refused;
  if (GroupName !== '' && !world.cloudGroups.has(GroupName)) return failed('RequestForbidden');
  const task = key.sees === 'nothing' ? undefined : world.tasks.get(TaskId);
  if (task === undefined) return failed('ResourceNotFound');
  if (GroupName !== '' && task.cloudGroup !== GroupName) return failed('ResourceNotFound', 'not in this group');
  if (Array.isArray(key.sees) && !key.sees.includes(task.cloudGroup)) return failed('RequestForbidden');
  return run(task);
}
