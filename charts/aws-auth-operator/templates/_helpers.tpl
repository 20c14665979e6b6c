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

{{/* The file that the operator reads. */}}
{{- define "aws-auth-operator.config" -}}
{{- toYaml .Values.config }}
{{- end }}

{{/* What a policy's binding does with a request that the policy refuses. */}}
{{- define "aws-auth-operator.validationActions" -}}
{{- if eq . "Audit" }}[Audit, Warn]{{ else }}[Deny]{{ end }}
{{- end }}

{{/* aws-auth and the ring of its checkpoints. */}}
{{- define "aws-auth-operator.configMaps" -}}
["aws-auth"{{ range until 10 }}, "aws-auth-checkpoint-{{ . }}"{{ end }}]
{{- end }}
