/**
 * The vendor's actions that relaykeeper calls: what each takes, checks and does. They are stricter than the real ones
 * (fields that relaykeeper has no use for, wrong types and wrong states are errors), so a client that passes here meets
 * nothing harder there.
 */
import { z } from 'zod';
import { failed, type Outcome } from './envelope.ts';
import { type LiveFault, twistOf } from './faults.ts';
import { restart } from './pretend-task.ts';
import { listPage, promised } from './shown-list.ts';
import type { AccessKey } from './signature.ts';
import { statusNow, type World } from './world.ts';

/** Everything an action may look at. `input` is the parsed body. */
interface Call {
  readonly world: World;
  readonly key: AccessKey;
  readonly input: unknown;
  readonly twists: readonly LiveFault[];
}

type Action = (call: Call) => Outcome;

/** An input of other types is refused before anything is looked at. */
const action =
  <T>(takes: z.ZodType<T>, run: (call: Call, input: T) => Outcome): Action =>
  (call) => {
    const read = takes.safeParse(call.input);
    if (read.success) return run(call, read.data);
    const where = read.error.issues[0]?.path.join('.') || 'the body';
    return failed('InvalidParam.BindError', `request parameter error, please check input data: ${where}`);
  };

const integer = z.number().int();
const listBody = z.strictObject({
  GroupNames: z.array(z.string()).nullish(),
  Page: integer.default(1),
  Size: integer.default(20),
});
const groupBody = z.strictObject({
  PageNum: integer,
  PageSize: integer,
  StatusList: z.array(integer).nullish(),
});
const taskBody = z.strictObject({ TaskId: z.string().default(''), GroupName: z.string().default('') });

export const actions: Readonly<Record<string, Action>> = {
  ListPullToPushTaskV2: action(listBody, listTasks),
  ListPullToPushGroup: action(groupBody, listGroups),
  RestartPullToPushTask: action(taskBody, enable),
  ContinuePullToPushTask: action(taskBody, enable),
  RelaunchPullToPushTask: action(taskBody, enable),
};

function listTasks({ world, key, twists }: Call, asked: z.output<typeof listBody>): Outcome {
  const { GroupNames, Page: page, Size: size } = asked;
  const groups = GroupNames ?? [];
  if (page < 1) return failed('InvalidParam', 'Page must be at least 1');
  if (size < 1 || size > 500) return failed('InvalidParam', 'Size must be 1 to 500');
  const refused = groups.length === 0 ? namelessRefusal(key) : forbiddenGroup(key, groups);
  if (refused !== undefined) return refused;
  const visible = key.sees === 'nothing' ? [] : key.sees;
  const cloudGroups = groups.length === 0 || key.sees === 'nothing' ? visible : groups;
  return listPage(world, { cloudGroups, page, size }, twists);
}

/** The vendor requires GroupName with a sub-account's key. */
function namelessRefusal(key: AccessKey): Outcome | undefined {
  return key.subAccount ? failed('InvalidParam', 'a sub-account must name its group') : undefined;
}

function forbiddenGroup({ sees }: AccessKey, groups: readonly string[]): Outcome | undefined {
  if (sees === undefined || sees === 'nothing') return undefined;
  return groups.every((group) => sees.includes(group)) ? undefined : failed('RequestForbidden.AccountIDNotAllow');
}

function listGroups({ world, key, twists }: Call, asked: z.output<typeof groupBody>): Outcome {
  const { PageNum, PageSize, StatusList } = asked;
  if (PageNum < 1) return failed('InvalidParam', 'PageNum must be at least 1');
  if (PageSize < 1 || PageSize > 1_000) return failed('InvalidParam', 'PageSize must be 1 to 1000');
  const isBlind = key.sees === 'nothing' || twistOf(twists, 'blind') !== undefined;
  const isOfStatus = !StatusList?.length || StatusList.includes(usable);
  const groups = [...world.cloudGroups].filter(
    (name) => isOfStatus && !isBlind && (!Array.isArray(key.sees) || key.sees.includes(name)),
  );
  const size = Math.min(PageSize, twistOf(twists, 'page-cap')?.most ?? PageSize);
  const page = groups.slice((PageNum - 1) * size, PageNum * size).map((name) => ({
    Name: name,
    ProjectName: 'default',
    Status: usable,
    Tags: [{ Category: 'Custom', Key: 'owner', Value: 'live' }],
  }));
  return {
    kind: 'done',
    result: { kind: 'plain', value: { List: page.length > 0 ? page : null, Total: promised(twists, groups.length) } },
  };
}

/** A cloud group's status; 1 is a deleted one. */
const usable = 0;

/** Restart, Continue and Relaunch: only a stopped task can be enabled. The effect comes later, or never. */
function enable({ world, key, twists }: Call, { TaskId, GroupName }: z.output<typeof taskBody>): Outcome {
  if (TaskId === '') return failed('InvalidParam', 'TaskId is required');
  const refused = GroupName === '' ? namelessRefusal(key) : forbiddenGroup(key, [GroupName]);
  if (refused !== undefined) return refused;
  if (GroupName !== '' && !world.cloudGroups.has(GroupName)) return failed('RequestForbidden');
  const task = key.sees === 'nothing' ? undefined : world.tasks.get(TaskId);
  if (task === undefined) return failed('ResourceNotFound');
  if (GroupName !== '' && task.cloudGroup !== GroupName) return failed('ResourceNotFound', 'not in this group');
  if (Array.isArray(key.sees) && !key.sees.includes(task.cloudGroup)) return failed('RequestForbidden');
  if (statusNow(world, task) !== '停用') return failed('InvalidParam', 'the task is not stopped');
  if (twistOf(twists, 'in-vain')) task.restarts += 1;
  else restart(task, world.now);
  return { kind: 'done', result: undefined };
}
