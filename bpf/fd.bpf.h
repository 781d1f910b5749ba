/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef OTR_FD_BPF_H
#define OTR_FD_BPF_H

/* fd.bpf.h - finds the file of a descriptor, for classic tracepoints, which have no helper for
 * it. */

#include "maps.bpf.h"

static __always_inline struct file *otr_file_of_fd(unsigned int fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **at, *file = NULL;

	if (fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	at = BPF_CORE_READ(table, fd);
	bpf_probe_read_kernel(&file, sizeof(file), at + fd);
	return file;
}

static __always_inline struct sock *otr_sock_of_fd(unsigned int fd)
{
	struct file *file = otr_file_of_fd(fd);
	struct socket *so;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	so = BPF_CORE_READ(file, private_data);
	return so ? BPF_CORE_READ(so, sk) : NULL;
}

#endif /* OTR_FD_BPF_H */
