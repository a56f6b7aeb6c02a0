#!/usr/bin/python

# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: plan
short_description: Tell what roles of this collection would change on a host, and what keeps them from it
version_added: 1.0.0
description:
  - Works out on the controller what the roles are to leave behind on the host, from the defaults of the roles and the variables of the host,
    and holds these variables against the roles' argument specifications and rules.
  - Asks the host in one execution of M(sparkflows.mlops.host_info) everything that the roles have to know, the files that they fill in
    from templates included.
  - The role C(sagemaker) leaves nothing behind on its host. Planned alone, it is asked for with M(sparkflows.mlops.sagemaker_info) where the task runs,
    which is the controller with C(delegate_to). Planned with others it stays open, until O(within) completes the plan.
  - Compares both. What would stop a role is a finding; what is not as wanted is a difference, and names the step of the role that mends it.
  - Changes nothing. The roles' own tasks carry a plan out, each when its step is in RV(steps).
  - With O(role), outside check mode, takes the lock of the host where the role has something to change, and reads the host once more with it. The variable
    C(mlops_lock_lease) of the host says how many seconds its run may be silent, see M(sparkflows.mlops.host_lock).
author:
  - Sparkflows MLOps collection contributors (!UNKNOWN)
options:
  role:
    description:
      - The name of the one role to plan. Its part of the result is then returned at the top, too, as RV(steps), RV(changes), RV(differences),
        RV(inputs) and RV(planned).
      - One of O(role), O(roles), O(site) and O(complete) has to be given.
    type: str
  roles:
    description:
      - The names of the roles to plan, in the order in which they run. What one of them is going to change counts for those after it.
    type: list
    elements: str
  site:
    description:
      - For each group of the inventory the roles that its hosts have, in the order in which they run. The roles of the host are those of all
        groups that it is in; groups that the inventory lacks are findings.
      - Options that the variables of a host leave empty are taken from the rest of the inventory where that answers them - the tracking server
        of an agent, the ports and sources of a firewall, the targets of SSH access, the URLs of models. They are returned as RV(derived).
    type: dict
  made:
    description:
      - The result of an earlier run of this module for the same host.
      - In check mode, where nothing was done since, its answer is given again for roles that are all in it, and the host is not contacted.
        Otherwise the host is read anew, as roles that ran in between may have changed it.
    type: dict
  complete:
    description:
      - The result of an earlier run of this module for the same host, in which a role waits for what other hosts say. The host is not contacted.
      - Their answers are taken from O(answers), and from the plans that these hosts have in the variable C(mlops_plan). Where one is still missing, the
        role waits on. O(roles) and O(site) do not matter then, and O(role) is the one whose part is returned at the top.
    type: dict
  answers:
    description: Results of M(sparkflows.mlops.host_info), as a loop over C(unread) of the RV(inputs) registers them.
    type: list
    elements: dict
  within:
    description:
      - The result of an earlier run of this module for the same host, in which O(role) or O(roles) stayed open. That plan is returned with what these roles
        come to, and with their findings.
    type: dict
  refuse:
    description: Whether the task fails when something is found.
    type: bool
    default: true
  waits:
    description:
      - Whether to wait for the end of another run that changes the host, as M(sparkflows.mlops.host_lock) tells, for the seconds that the variable
        C(mlops_lock_wait) of the host names, before the host is planned. A role that plans for itself outside check mode always does.
      - With O(health) another run is nothing that matters; otherwise it is a finding.
    type: bool
    default: false
  health:
    description:
      - Whether to look in the same reading at how things stand, too, and return that as RV(health).
      - The variables C(health_certificate_days_warning) and C(health_certificate_days_critical) (30 and 7), C(health_disk_used_percent_warning) and
        C(health_disk_used_percent_critical) (80 and 90, of space and of inodes), C(health_memory_used_percent_warning) and
        C(health_memory_used_percent_critical) (90 and 95), C(health_restarts_warning) and C(health_restarts_critical) (3 and 20) of the host say from
        where on a value is a warning, and from where on it is critical. They are whole numbers, and checked like the variables of roles.
    type: bool
    default: false
  rollback:
    description:
      - Which parts are to go back to the release that was used before the one that the inventory names - some of V(stack), V(jdk), V(python) and V(agent),
        as a list or with commas; empty for all.
      - The result then tells of the way back instead. RV(roles) has the steps C(switch), C(restore), C(start) and C(models), RV(switches) the links to
        switch, RV(afterwards) what to know when that is done. O(roles) or O(site) must name C(jdk), C(python), C(pip_stack), C(mlflow_server) and
        C(mlops_agent).
    type: raw
extends_documentation_fragment:
  - ansible.builtin.action_common_attributes
attributes:
  check_mode:
    support: full
    description: Reads only, so that check mode does the same. Only there O(made) is used.
  diff_mode:
    support: full
    description: Shows how the files that roles would write differ from those on the host. Files that hold secrets are left out.
  platform:
    platforms: posix
notes:
  - Files of root alone, and the processes behind ports, are read with C(become).
  - The environment of the task, such as a proxy, is that in which the host asks its package sources.
  - Secrets are compared on the host and are neither returned nor shown.
seealso:
  - module: sparkflows.mlops.host_info
  - module: sparkflows.mlops.host_lock
  - module: sparkflows.mlops.sagemaker_info
"""

EXAMPLES = r"""
- name: Work out what would change, by the groups that a host is in
  sparkflows.mlops.plan:
    site:
      mlflow_hosts: [jdk, python, pip_stack, mlflow_server, mlops_agent, firewall]
      sparkflows_hosts: [ssh_access, sparkflows, sagemaker]
      scorer_hosts: [scorer]
    refuse: false
  register: mlops_plan

- name: Show it
  ansible.builtin.debug:
    msg: "{{ mlops_plan.findings + mlops_plan.roles.values() | map(attribute='differences') | flatten }}"

- name: Complete it on the controller, where a host has models on SageMaker
  sparkflows.mlops.plan:
    role: sagemaker
    within: "{{ mlops_plan }}"
    refuse: false
  delegate_to: localhost
  register: mlops_plan

# What a role does.
- name: Plan
  sparkflows.mlops.plan:
    role: jdk
    made: "{{ mlops_plan | default(omit) }}"
  register: __jdk_plan

- name: Carry out a step where it is due
  ansible.builtin.debug:
    msg: "{{ __jdk_plan.inputs.src }} is to be unpacked."
  when: "'release' in __jdk_plan.steps"
"""

RETURN = r"""
findings:
  description:
    - One sentence for each thing that would stop a run. With O(refuse) the task fails when there is one.
    - Variables that are wrong are told before the host is contacted, and alone.
  returned: when the host was read, or need not be
  type: list
  elements: str
  sample:
    - Port 5000, wanted for mlflow_server_port, is held by registry (pid 812). Stop that process, or choose another port.
roles:
  description: What the plan says of each role, by name; empty where variables are wrong or the host can't be read.
  returned: when the host was read, or need not be
  type: dict
  contains:
    planned:
      description:
        - Whether it is known what the role has to do. Otherwise it waits for what other hosts say, or for what is to be asked of AWS.
        - Of a role that waits, RV(inputs) has C(asks), for each host the C(predictions) for M(sparkflows.mlops.host_info), and C(unread), those that are
          worth a task.
      returned: always
      type: bool
    steps:
      description: The steps that the role has to take, in its own words; empty when the host is as wanted.
      returned: always
      type: list
      elements: str
    changes:
      description: Whether one of the steps changes something. Others prove that something answers, and wait for it.
      returned: always
      type: bool
    differences:
      description: See RV(differences).
      returned: always
      type: list
      elements: dict
    inputs:
      description: See RV(inputs).
      returned: always
      type: dict
  sample:
    jdk: {planned: true, steps: [], changes: false, differences: [], inputs: {}}
locked:
  description:
    - Whether the lock of the host was taken for the one role, which has to give it back with M(sparkflows.mlops.host_lock).
    - It is taken where the role has something to change, and is not part of a plan of several roles that was made before; then the playbook gives it back.
  returned: always
  type: bool
  sample: true
planned:
  description: Whether it is known what the one role has to do.
  returned: with O(role), when the host was read
  type: bool
  sample: true
steps:
  description: The steps that the one role has to take; empty when the host is as wanted.
  returned: with O(role), when the host was read
  type: list
  elements: str
  sample: [release]
changes:
  description: Whether one of the one role's steps changes something.
  returned: with O(role), when the host was read
  type: bool
  sample: true
differences:
  description: What is not as wanted, of the one role.
  returned: with O(role), when the host was read
  type: list
  elements: dict
  contains:
    role:
      description: The role that mends it.
      returned: always
      type: str
    step:
      description: The step that does so. Empty for a note, which is worth knowing and which no run would change.
      returned: always
      type: str
    item:
      description: What differs, such as a path, a package or a setting.
      returned: always
      type: str
    before:
      description: How it is. A secret is never shown.
      returned: always
      type: str
    after:
      description: How it will be. A secret is never shown.
      returned: always
      type: str
    reason:
      description: What follows from it, or why it has to be; empty where that is plain.
      returned: always
      type: str
  sample:
    - {role: pip_stack, step: environment, item: mlflow, before: 1.29.0, after: 1.30.1, reason: ""}
inputs:
  description: What the role's tasks and templates are filled in with, beyond its variables. Each role has its own.
  returned: with O(role), when the host was read
  type: dict
  sample: {src: "https://files.example.com/jdk.tar.gz"}
settings:
  description: The value in force of each variable of the roles, their defaults included, secrets left out.
  returned: when the host was read and O(made) was not used
  type: dict
  sample: {jdk_state: present, jdk_prefix: /opt/sparkflows/jdk}
due:
  description: The roles that have to run - the first that differs, and those after it, as what they find may change by then.
  returned: when O(made) was not used
  type: list
  elements: str
  sample: [pip_stack, mlflow_server, mlops_agent, firewall]
derived:
  description: The variables that the rest of the inventory can answer, with the values in force.
  returned: when the host was read and O(made) was not used
  type: dict
  sample: {}
health:
  description: How the host and what its roles left behind stand.
  returned: with O(health), when the host was read
  type: list
  elements: dict
  contains:
    severity:
      description: V(critical), V(warning) or V(ok).
      returned: always
      type: str
    kind:
      description:
        - What it is - V(host), V(unit), V(model), V(scorer), V(sparkflows), V(address), V(login), V(key), V(token), V(certificate), V(disk) or
          V(memory).
      returned: always
      type: str
    name:
      description: Which one of its kind; empty where there is but one.
      returned: always
      type: str
    value:
      description: What was seen. A secret is never among it.
      returned: always
      type: str
    advice:
      description: What to do; empty where all is well.
      returned: always
      type: str
    number:
      description:
        - What can be measured of it, else null. Of a certificate and a token that is the end in seconds since the epoch, of a disk and the memory the part
          that is used, of everything else 1 where it works and 0 where it does not.
      returned: always
      type: float
    host:
      description: Empty; a report of many hosts fills it in.
      returned: always
      type: str
  sample:
    - {severity: critical, kind: unit, name: mlflow-server.service, value: stopped, advice: site.yml starts it., number: 0, host: ""}
switches:
  description: The links to switch back, as options of M(sparkflows.mlops.release_switch).
  returned: with O(rollback), when the host was read
  type: list
  elements: dict
  sample:
    - {dest: /opt/sparkflows/jdk, release: 8u452-b09, programs: [bin/java]}
afterwards:
  description: Sentences that somebody should know who has rolled back.
  returned: with O(rollback), when the host was read
  type: list
  elements: str
  sample: []
addresses:
  description: Of a host with the role C(sparkflows) its addresses, for firewalls that are to let it in, as M(sparkflows.mlops.host_info) tells them.
  returned: with O(site), when the host was read
  type: list
  elements: str
  sample: [127.0.0.1, 192.0.2.10]
answers:
  description: What the host said to the plans of other hosts, by the name of these hosts. It is public.
  returned: when the host was read
  type: dict
  sample: {}
"""
