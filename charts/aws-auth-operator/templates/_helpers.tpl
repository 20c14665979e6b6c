{{- define "aws-auth-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 49 characters leave room for the longest suffix that follows. */}}
{{- define "aws-auth-operator.fullname" -}}
{{- $name := include "aws-auth-operator.name" . }}
{{- if .Values.fullnameOverride }}{{ $name = .Values.fullnameOverride }}
{{- else if not (contains $name .Release.Name) }}{{ $name = printf "%s-%s" .Release.Name $name }}
{{- else }}{{ $name = .Release.Name }}
{{- end }}
{{- $name | trunc 49 | trimSuffix "-" }}
{{- end }}

{{- define "aws-auth-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "aws-auth-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create }}{{ include "aws-auth-operator.fullname" . }}
{{- else }}{{ fail "serviceAccount.name: name the ServiceAccount that exists, or set serviceAccount.create: true" }}
{{- end }}
{{- end }}

{{/* As the API server knows the operator. */}}
{{- define "aws-auth-operator.user" -}}
system:serviceaccount:{{ include "aws-auth-operator.namespace" . }}:{{ include "aws-auth-operator.serviceAccountName" . }}
{{- end }}

{{- define "aws-auth-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "aws-auth-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "aws-auth-operator.labels" -}}
{{- $own := include "aws-auth-operator.selectorLabels" . | fromYaml }}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63) }}
{{- toYaml (mergeOverwrite (deepCopy .Values.commonLabels) $own) }}
{{- end }}

{{- define "aws-auth-operator.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* The file that the operator reads. What contradicts itself would stop every new pod, so it stops Helm. */}}
{{- define "aws-auth-operator.config" -}}
{{- if and (eq (default "" .Values.config.authenticationMode) "Api") (dig "clusterCreator" "ensure" false .Values.config) }}
{{- fail "config.clusterCreator.ensure: true and config.authenticationMode: Api contradict each other: with Api aws-auth is not read; take one of them out" }}
{{- end }}
{{- with dig "policy" "allowedAccounts" list .Values.config }}
{{- range dig "policy" "privileged" list $.Values.config }}
{{- $account := ternary (index (splitList ":" (printf "%s::::" .)) 4) . (hasPrefix "arn:" .) }}
{{- if not (has $account $.Values.config.policy.allowedAccounts) }}
{{- fail (printf "config.policy.privileged: %s is of account %s, which is not in config.policy.allowedAccounts: the two contradict each other; add the account there, or take the principal out" . $account) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml .Values.config }}
{{- end }}

{{/* What a policy's binding does with a request that the policy refuses. */}}
{{- define "aws-auth-operator.validationActions" -}}
{{- if eq . "Audit" }}[Audit, Warn]{{ else }}[Deny]{{ end }}
{{- end }}

{{/* aws-auth, the ring of its checkpoints, and what was broken when it was restored last. */}}
{{- define "aws-auth-operator.configMaps" -}}
["aws-auth"{{ range until 10 }}, "aws-auth-checkpoint-{{ . }}"{{ end }}, "aws-auth-checkpoint-broken"]
{{- end }}
