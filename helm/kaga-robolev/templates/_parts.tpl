{{- /* Parts shared by both services. Each takes (dict "top" $ "part" "classroom"|"robolev"). */ -}}

{{- define "kaga.name" -}}
{{- printf "%s-%s" (.top.Release.Name | trunc 50 | trimSuffix "-") .part -}}
{{- end }}

{{- define "kaga.matchLabels" -}}
app.kubernetes.io/name: {{ .part }}
app.kubernetes.io/instance: {{ .top.Release.Name }}
{{- end }}

{{- define "kaga.labels" -}}
{{ include "kaga.matchLabels" . }}
app.kubernetes.io/version: {{ .top.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: kaga-robolev
app.kubernetes.io/managed-by: {{ .top.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .top.Chart.Name .top.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "kaga.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "kaga.claim" -}}
{{- $storage := (index .top.Values .part).storage -}}
{{- $storage.existingClaim | default (include "kaga.name" .) -}}
{{- end }}

{{- /* The services with their ports: the classroom only makes sense beside a hub. */ -}}
{{- define "kaga.parts" -}}
robolev: 8200
{{- if .Values.jupyterhub.enabled }}
classroom: 8101
{{- end }}
{{- end }}

{{- /* Everything of a Deployment but the container's command and environment. SQLite has one writer: one replica. */ -}}
{{- define "kaga.deployment" -}}
{{- $top := .top -}}
{{- $values := index .top.Values .part -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "kaga.name" . }}
  labels: {{- include "kaga.labels" . | nindent 4 }}
spec:
  replicas: 1
  strategy:
    type: Recreate
  selector:
    matchLabels: {{- include "kaga.matchLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "kaga.labels" . | nindent 8 }}
        hub.jupyter.org/network-access-hub: "true"
    spec:
      serviceAccountName: {{ include "kaga.name" . }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      {{- with $top.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if $top.Values.sandbox.enabled }}
      hostUsers: false
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 1000
        runAsGroup: 1000
        fsGroup: 1000
        fsGroupChangePolicy: OnRootMismatch
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: {{ .part }}
          image: {{ include "kaga.image" $top }}
          imagePullPolicy: {{ $top.Values.image.pullPolicy }}
          {{- .container | nindent 10 }}
          ports:
            - name: http
              containerPort: {{ .port }}
          startupProbe:
            httpGet: {path: {{ .health }}, port: http}
            periodSeconds: 2
            failureThreshold: 60
          readinessProbe:
            httpGet: {path: {{ .health }}, port: http}
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 2
          # Only a process that accepts no connection is restarted: a restart in the middle of a run helps nobody.
          livenessProbe:
            tcpSocket: {port: http}
            periodSeconds: 20
            timeoutSeconds: 5
            failureThreshold: 6
          resources: {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            capabilities: {drop: [ALL]}
            {{- if $top.Values.sandbox.enabled }}
            procMount: Unmasked
            seccompProfile: {{- toYaml $top.Values.sandbox.seccompProfile | nindent 14 }}
            {{- else }}
            seccompProfile: {type: RuntimeDefault}
            {{- end }}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: tmp, mountPath: /tmp}
            {{- if $top.Values.jupyterhub.enabled }}
            - {name: token, mountPath: /data/tokens, readOnly: true}
            {{- end }}
      volumes:
        - name: data
          persistentVolumeClaim: {claimName: {{ include "kaga.claim" . }}}
        - name: tmp
          emptyDir: {medium: Memory, sizeLimit: 256Mi}
        {{- if $top.Values.jupyterhub.enabled }}
        - name: token
          secret:
            secretName: {{ $top.Values.hubSecretName }}
            defaultMode: 0440
            items:
              - {key: hub.services.{{ .part }}.apiToken, path: {{ .part }}}
        {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
